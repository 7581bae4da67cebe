// Package report is what a program tells of its memory at one moment: the types of its JSON, and how that is shown as text and as a page.
//
// The program makes it (runtime/metrics); the poolgen command fetches and shows it. So what is shown may come from anywhere: all text in it
// is escaped or stripped of control characters, and figures that cannot be are shown as they are, never computed with.
package report
