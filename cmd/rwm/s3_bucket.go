package main

type s3MbCmd struct {
	Place      string `arg:"" name:"s3-url" help:"s3://BUCKET."`
	Versioning bool   `help:"Keep every version of every object."`
}

func (c s3MbCmd) Run(a *app) error {
	tool, bucket, err := a.onBucket(c.Place)
	if err != nil {
		return err
	}
	if err := tool.MakeBucket(a.ctx, bucket, c.Versioning); err != nil {
		return a.s3Failed(err)
	}
	a.say("made s3://%s", bucket)
	return nil
}

type s3RbCmd struct {
	Place string `arg:"" name:"s3-url" help:"s3://BUCKET."`
}

func (c s3RbCmd) Run(a *app) error {
	tool, bucket, err := a.onBucket(c.Place)
	if err != nil {
		return err
	}
	if err := tool.RemoveBucket(a.ctx, bucket); err != nil {
		return a.s3Failed(err)
	}
	a.say("removed s3://%s", bucket)
	return nil
}
