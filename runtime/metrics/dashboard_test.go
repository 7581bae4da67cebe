package metrics

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/promql/parser"
)

// leftOut are the metrics that are on no panel: what does not change while a program runs, or what only somebody who looks for one cause asks for.
var leftOut = []string{
	"poolgen_allocator_class_free_blocks", "poolgen_allocator_class_live_blocks", "poolgen_allocator_class_spans", "poolgen_allocator_live_blocks",
	"poolgen_allocator_open_caches", "poolgen_allocator_overhead_bytes", "poolgen_allocator_reclaimed_spans_total",
	"poolgen_byte_ring_ended", "poolgen_byte_ring_gone", "poolgen_byte_ring_max_bytes",
	"poolgen_pool_block_capacity_bytes", "poolgen_pool_block_stride_bytes", "poolgen_pool_budget_bytes", "poolgen_pool_external_high_water_blocks",
	"poolgen_pool_opened_blocks", "poolgen_pool_released_buffers_total",
	"poolgen_stream_receive_buffer_bytes", "poolgen_stream_send_buffer_bytes", "poolgen_stream_acks_total", "poolgen_stream_heartbeats_total",
	"poolgen_subscriber_offered_events_total", "poolgen_topic_history_events",
}

type panel struct {
	ID          int
	Type, Title string
	Description string
	GridPos     struct{ X, Y, W, H int }
	Targets     []struct{ RefID, Expr, LegendFormat string }
}

func dashboardPanels(t *testing.T) []panel {
	t.Helper()
	var d struct {
		Title  string
		Panels []panel
	}
	if err := json.Unmarshal([]byte(Dashboard()), &d); err != nil {
		t.Fatal(err)
	}
	if d.Title != "poolgen" {
		t.Errorf("it is called %q", d.Title)
	}
	return d.Panels
}

// exported are the types and labels of all metrics of a set and a watcher.
func exported(t *testing.T) map[string]struct {
	kind   string
	labels []string
} {
	t.Helper()
	s := everything(t)
	w, err := newWatcher(s, WatchOptions{Root: fstest.MapFS(newMachine(1000)), KeepGo: true})
	if err != nil {
		t.Fatal(err)
	}
	reg := prometheus.NewPedanticRegistry()
	reg.MustRegister(s, w)
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]struct {
		kind   string
		labels []string
	}{}
	for _, f := range families {
		one := all[f.GetName()]
		one.kind, one.labels = f.GetType().String(), []string{"instance"}
		for _, l := range f.GetMetric()[0].GetLabel() {
			one.labels = append(one.labels, l.GetName())
		}
		if one.kind == "HISTOGRAM" {
			one.labels = append(one.labels, "le")
		}
		all[f.GetName()] = one
	}
	return all
}

// Grafana puts these in before it asks.
var variables = strings.NewReplacer("$__rate_interval", "5m", "$instance", ".*")

// Every panel's query is PromQL, of metrics that are exported, by labels that they have, with a rate around counters alone; and every metric is on
// a panel or left out on purpose.
func TestDashboard(t *testing.T) {
	metrics := exported(t)
	seen := map[string]bool{}
	legend := regexp.MustCompile(`{{\s*([a-z_]+)\s*}}`)
	for _, p := range dashboardPanels(t) {
		if p.Type != "row" && len(p.Targets) == 0 {
			t.Errorf("panel %s asks for nothing", p.Title)
		}
		for _, target := range p.Targets {
			expr, err := parser.ParseExpr(variables.Replace(target.Expr))
			if err != nil {
				t.Errorf("panel %s: %s: %v", p.Title, target.Expr, err)
				continue
			}
			var shared []string // labels that all metrics of the query have
			grouped := false
			parser.Inspect(expr, func(n parser.Node, path []parser.Node) error {
				switch n := n.(type) {
				case *parser.AggregateExpr:
					shared, grouped = n.Grouping, true
				case *parser.VectorSelector:
					name := n.Name
					if h := strings.TrimSuffix(name, "_bucket"); metrics[h].kind == "HISTOGRAM" {
						name = h
					}
					m, ok := metrics[name]
					if !ok {
						t.Errorf("panel %s: nobody exports %s", p.Title, n.Name)
						return nil
					}
					seen[name] = true
					for _, l := range n.LabelMatchers {
						if l.Name != "__name__" && !slices.Contains(m.labels, l.Name) {
							t.Errorf("panel %s: %s has no label %s", p.Title, n.Name, l.Name)
						}
					}
					rated := slices.ContainsFunc(path, func(n parser.Node) bool {
						call, ok := n.(*parser.Call)
						return ok && (call.Func.Name == "rate" || call.Func.Name == "increase")
					})
					if rated == (m.kind == "GAUGE") {
						t.Errorf("panel %s: %s of %s, which is a %s", p.Title, target.Expr, n.Name, strings.ToLower(m.kind))
					}
					if !grouped {
						shared = m.labels
					}
				}
				return nil
			})
			for _, l := range legend.FindAllStringSubmatch(target.LegendFormat, -1) {
				if !slices.Contains(shared, l[1]) {
					t.Errorf("panel %s: %s has no label %s", p.Title, target.Expr, l[1])
				}
			}
		}
	}
	for name := range metrics {
		if seen[name] == slices.Contains(leftOut, name) {
			t.Errorf("%s: on a panel %v, in the list of those left out %v", name, seen[name], !seen[name])
		}
	}
	for _, name := range leftOut {
		if _, ok := metrics[name]; !ok {
			t.Errorf("%s is left out, and exported by nobody", name)
		}
	}
}

// Panels lie on the grid of 24 columns, none over another, each with a number, a title and a text of its own.
func TestDashboardLayout(t *testing.T) {
	ids, titles, cells := map[int]bool{}, map[string]bool{}, map[[2]int]string{}
	for _, p := range dashboardPanels(t) {
		if ids[p.ID] || p.ID <= 0 || titles[p.Title] || p.Title == "" || p.Type != "row" && p.Description == "" {
			t.Errorf("panel %d, %q, %q: its number and title must be its own, and it needs a description", p.ID, p.Title, p.Description)
		}
		ids[p.ID], titles[p.Title] = true, true
		g := p.GridPos
		if g.W <= 0 || g.H <= 0 || g.X < 0 || g.X+g.W > 24 {
			t.Errorf("panel %s lies at %+v", p.Title, g)
		}
		for x := g.X; x < g.X+g.W; x++ {
			for y := g.Y; y < g.Y+g.H; y++ {
				if other, taken := cells[[2]int{x, y}]; taken {
					t.Fatalf("panels %s and %s lie over each other", p.Title, other)
				}
				cells[[2]int{x, y}] = p.Title
			}
		}
		refs := map[string]bool{}
		for _, target := range p.Targets {
			if refs[target.RefID] || target.RefID == "" {
				t.Errorf("panel %s: two queries have the number %q", p.Title, target.RefID)
			}
			refs[target.RefID] = true
		}
	}
}
