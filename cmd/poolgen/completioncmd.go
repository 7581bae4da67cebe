package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

func completionCommand(stdout io.Writer) *cobra.Command {
	shells := []string{"bash", "zsh", "fish", "powershell"}
	return &cobra.Command{
		Use:   "completion shell",
		Short: "Print a script that completes poolgen's command line",
		Long:  "completion prints a script for bash, zsh, fish or powershell, to be read when the shell starts.",
		Example: `  source <(poolgen completion bash)
  poolgen completion zsh > "${fpath[1]}/_poolgen"
  poolgen completion fish > ~/.config/fish/completions/poolgen.fish
  poolgen completion powershell | Out-String | Invoke-Expression`,
		ValidArgs: shells,
		Args:      cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch root := cmd.Root(); args[0] {
			case "bash":
				return root.GenBashCompletionV2(stdout, true)
			case "zsh":
				return root.GenZshCompletion(stdout)
			case "fish":
				return root.GenFishCompletion(stdout, true)
			case "powershell":
				return root.GenPowerShellCompletionWithDesc(stdout)
			}
			if near := nearest(args[0], shells); near != "" {
				return fmt.Errorf("unknown shell %q: did you mean %s?", args[0], near)
			}
			return fmt.Errorf("unknown shell %q: choose bash, zsh, fish or powershell", args[0])
		},
	}
}
