package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/poolgen/poolgen/internal/report"
	"github.com/spf13/cobra"
)

// reportTimeout is how long a program may take to make its report.
const reportTimeout = 15 * time.Second

func reportCommand(stdout io.Writer) *cobra.Command {
	var html string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "report address|file",
		Short: "Show how a running program uses its memory, and what could be better",
		Long: `report fetches the report of a program that serves runtime/metrics.Handler, from an address such
as localhost:9090 or http://camera:9090/debug/report, or reads one that was saved as JSON, - for
standard input. Without a path /report is taken.

It shows the memory of Go and of arenas, pressure and what was done against it, pools with their
rates and hit rates, what passes frames on, the tiers of stores, copies avoided, and recommends
what to change, with the figures that led to it.`,
		Example: `  poolgen report localhost:9090
  poolgen report -html=report.html localhost:9090
  poolgen report -json localhost:9090 >before.json; poolgen report before.json`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if asJSON && html == "-" {
				return errors.New("only one of -json and -html=- can write to standard output")
			}
			rep, err := readReport(cmd.Context(), args[0], cmd.InOrStdin())
			if err != nil {
				return err
			}
			if html != "" && html != "-" {
				if err := os.WriteFile(html, []byte(rep.HTML()), 0o644); err != nil {
					return fmt.Errorf("writing the page: %w", err)
				}
			}
			text := ""
			switch {
			case asJSON:
				b, err := rep.JSON()
				if err != nil {
					return err
				}
				text = string(b)
			case html == "-":
				text = rep.HTML()
			case html == "":
				text = rep.Text()
			}
			_, err = io.WriteString(stdout, text)
			return err
		},
	}
	f := cmd.Flags()
	f.StringVar(&html, "html", "", "write a page to `file`, - for standard output")
	f.BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// readReport reads a report from a file, from standard input, or from a program's address.
func readReport(ctx context.Context, from string, stdin io.Reader) (*report.Report, error) {
	if from == "-" {
		return report.Read(stdin)
	}
	if !strings.Contains(from, "://") {
		f, err := os.Open(from)
		if err == nil {
			defer f.Close()
			return report.Read(f)
		}
		if !strings.Contains(from, ":") {
			return nil, fmt.Errorf("%w: an address is host:port or http://host:port", err)
		}
		from = "http://" + from
	}
	u, err := url.Parse(from)
	if err != nil {
		return nil, fmt.Errorf("reading the address: %w", err)
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("%s is no address of a program: write host:port or http://host:port", from)
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = "/report"
	}
	q := u.Query()
	q.Set("format", "json")
	u.RawQuery = q.Encode()
	ctx, cancel := context.WithTimeout(ctx, reportTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("asking for the report: %w", err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("asking for the report: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("asking for the report: %s answers %s: does the program serve metrics.Handler there?", u.Redacted(), resp.Status)
	}
	return report.Read(resp.Body)
}
