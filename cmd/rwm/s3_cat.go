package main

type s3CatCmd struct {
	Place string `arg:"" name:"s3-url" help:"s3://BUCKET/KEY."`
	s3Version
}

func (c s3CatCmd) Run(a *app) error {
	tool, at, err := a.onObject(c.Place, c.VersionID)
	if err != nil {
		return err
	}
	return a.s3Failed(tool.Cat(a.ctx, at, a.stdout))
}
