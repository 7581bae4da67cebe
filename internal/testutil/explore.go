package testutil

import "fmt"

// Explore goes through every state that can be reached from first, and returns how many there are, and what is wrong with the first that is
// wrong, with that state, or "". next gives the states after one step of any party; wrong judges a state, final if there is no step from it.
func Explore[S comparable](first S, next func(S) []S, wrong func(s S, final bool) string) (states int, fault string) {
	seen := map[S]struct{}{first: {}}
	queue := []S{first}
	for len(queue) > 0 {
		s := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		after := next(s)
		if w := wrong(s, len(after) == 0); w != "" {
			return len(seen), fmt.Sprintf("%s in %+v", w, s)
		}
		for _, n := range after {
			if _, ok := seen[n]; !ok {
				seen[n] = struct{}{}
				queue = append(queue, n)
			}
		}
	}
	return len(seen), ""
}
