package metrics

import _ "embed"

//go:embed grafana.json
var dashboard string

// Dashboard is a Grafana dashboard over the metrics of this package, as JSON to import: grafana.json beside this file.
func Dashboard() string { return dashboard }
