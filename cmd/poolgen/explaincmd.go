package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
)

func explainCommand(stdout io.Writer) *cobra.Command {
	var color string
	cmd := &cobra.Command{
		Use:   "explain [code]",
		Short: "Tell what a diagnostic means and what to write instead",
		Long: `explain tells what a diagnostic means, such as PG0012, why it is one, and what to
write instead. Without a code it lists all; those from PG1001 are poolgen vet's.`,
		Example: `  poolgen explain PG0001
  poolgen explain`,
		Args: cobra.MaximumNArgs(1),
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
			var list []cobra.Completion
			for _, r := range rules() {
				if len(args) == 0 {
					list = append(list, cobra.CompletionWithDesc(r.code, r.title))
				}
			}
			return list, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error {
			p, err := newPaint(color, stdout)
			if err != nil {
				return err
			}
			if len(args) == 0 {
				for _, r := range rules() {
					if _, err := fmt.Fprintf(stdout, "%s  %s\n", p.as(cyan, r.code), r.title); err != nil {
						return err
					}
				}
				return nil
			}
			r, err := findRule(args[0])
			if err == nil {
				_, err = fmt.Fprintf(stdout, "%s  %s\n\n%s\n", p.as(cyan, r.code), p.as(bold, r.title), folded(strings.TrimSpace(r.text)))
			}
			return err
		},
	}
	colorFlag(cmd, &color)
	return cmd
}

// findRule takes a code in any case, and without its zeros: pg12.
func findRule(code string) (rule, error) {
	digits := strings.TrimPrefix(strings.ToUpper(strings.Trim(code, "() ")), "PG")
	full := "PG" + strings.Repeat("0", max(0, 4-len(digits))) + digits
	var codes []string
	for _, r := range rules() {
		if r.code == full && digits != "" {
			return r, nil
		}
		codes = append(codes, r.code)
	}
	if near := nearest(strings.ToUpper(code), codes); near != "" {
		return rule{}, fmt.Errorf("unknown code %q: did you mean %s? poolgen explain lists all", code, near)
	}
	return rule{}, fmt.Errorf("unknown code %q: poolgen explain lists all", code)
}
