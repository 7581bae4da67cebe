# Repeats go test's benchmark output and appends each figure of ns/op as a
# multiple of one uncontended atomic add, the first benchmark named atomic-add
# in the same run: that number can be compared between machines.
/^Benchmark/ {
	for (i = 3; i < NF; i++) if ($(i + 1) == "ns/op") {
		name[++n] = $1; ns[n] = $i
		if ($1 ~ /\/atomic-add(-[0-9]+)?$/ && !unit) unit = $i
	}
}
{ print }
END {
	if (!n) exit 1
	if (!unit) { print "no benchmark atomic-add in this run: no ratios"; exit 1 }
	printf "\nmultiples of one atomic add (%.2f ns)\n", unit
	for (i = 1; i <= n; i++) printf "%-60s %10.2f\n", name[i], ns[i] / unit
}
