package restic

import "fmt"

// examineNode finds what makes no sense in an entry of a tree, the same for Check and
// Prove: invalid gets each reason, and blob each blob that the file refers to. unknown
// describes the type of an entry that has none of restic's.
func examineNode(n *TreeNode, invalid func(reason string), blob func(ID), unknown func() string) {
	if n.Name == "" {
		invalid("an entry has no name")
	}
	switch n.Type {
	case NodeFile:
		if n.Content == nil {
			invalid("the file has no list of blobs")
		}
		for i, id := range n.Content {
			if id.IsZero() {
				invalid(fmt.Sprintf("blob %d of the file has no ID", i))
			} else {
				blob(id)
			}
		}
	case NodeDir:
		if n.Subtree == nil || n.Subtree.IsZero() {
			invalid("the directory has no tree")
		}
	case NodeUnknown:
		invalid(unknown())
	}
}
