package resticflags

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
)

// Client is what the flags say about the S3 client, which everything shares that is done
// with a configuration.
type Client struct {
	HTTP
	S3
}

// ParseClient reads the flags of a client from the extra arguments of all backups, and
// then from those of each. What two of these say must be the same. Environment variables
// stand for what none of them says.
func ParseClient(env Env, all []string, each ...[]string) (c Client, err error) {
	insecure := 0
	for i, list := range append([][]string{all}, each...) {
		args, err := ParseBackupIn(NoEnv, list)
		if err != nil {
			return c, err
		}
		s3, err := args.TakeS3()
		if err != nil {
			return c, err
		}
		if i > 0 && args.InsecureTLS {
			insecure++
		}
		for _, file := range args.Cacert {
			if !slices.Contains(c.Cacert, file) {
				c.Cacert = append(c.Cacert, file)
			}
		}
		c.InsecureTLS = c.InsecureTLS || i == 0 && args.InsecureTLS
		c.Anonymous = c.Anonymous || s3.Anonymous
		for _, flag := range []struct {
			name     string
			is, said *string
		}{
			{"--tls-client-cert", &c.TLSClientCert, &args.TLSClientCert},
			{"--http-user-agent", &c.HTTPUserAgent, &args.HTTPUserAgent},
			{"-o s3.region", &c.Region, &s3.Region},
			{"-o s3.bucket-lookup", &c.BucketLookup, &s3.BucketLookup},
		} {
			if err := agree(flag.name, flag.is, *flag.said); err != nil {
				return c, err
			}
		}
		if err := agree("-o s3.retries", &c.Retries, s3.Retries); err != nil {
			return c, err
		}
	}
	if !c.InsecureTLS && insecure > 0 && insecure < len(each) {
		return c, errors.New("--insecure-tls applies to all requests, but not every backup has it; put it into backup_extras")
	}
	c.InsecureTLS = c.InsecureTLS || insecure > 0
	return c, c.addVariables(env)
}

// agree takes over what is said of a flag, if anything is.
func agree[T comparable](name string, is *T, said T) error {
	var nothing T
	if said == nothing || said == *is {
		return nil
	}
	if *is != nothing {
		return fmt.Errorf("%s applies to all requests, and there is another value for it: %v, not %v", name, *is, said)
	}
	*is = said
	return nil
}

func (c *Client) addVariables(env Env) error {
	of := variables(reflect.TypeFor[HTTP]())
	args, err := ParseBackupIn(func(variable string) string {
		if slices.Contains(of, variable) {
			return env(variable)
		}
		return ""
	}, nil)
	if err != nil {
		return err
	}
	if len(c.Cacert) == 0 {
		c.Cacert = args.Cacert
	}
	if c.TLSClientCert == "" {
		c.TLSClientCert = args.TLSClientCert
	}
	if c.HTTPUserAgent == "" {
		c.HTTPUserAgent = args.HTTPUserAgent
	}
	return nil
}
