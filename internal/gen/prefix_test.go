package gen

import "testing"

func TestDefaultPrefix(t *testing.T) {
	for _, c := range []struct{ name, path, want string }{
		{"camera", "example.com/camera", "camera"},
		{"cameraHub", "example.com/hub", "camera_hub"},
		{"main", "example.com/my--tool", "my_tool"},
		{"main", "example.com/_tool_", "tool"},
		{"main", "example.com/3d", "p3d"},
		{"main", "example.com/größe", "gr_e"},
		{"main", "example.com/__", "p"},
	} {
		if got := defaultPrefix(&unit{Name: c.name, PkgPath: c.path}); got != c.want {
			t.Errorf("package %s at %s has prefix %q, want %q", c.name, c.path, got, c.want)
		}
	}
}
