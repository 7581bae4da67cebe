package top

import (
	"regexp"

	"github.com/poolgen/poolgen/runtime/ipc"
)

type subscriberInfo = ipc.SubscriberInfo

// matches reports whether err's text matches.
func matches(err error, pattern string) bool {
	return err != nil && regexp.MustCompile(pattern).MatchString(err.Error())
}
