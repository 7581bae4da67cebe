package opus

import "fmt"

// Version is what the libopus in use calls itself, such as "libopus 1.3.1".
func Version() (string, error) {
	lib, err := openLibrary()
	if err != nil {
		return "", err
	}
	return lib.version(), nil
}

func openLibrary() (*library, error) {
	lib, err := openBindings()
	if err != nil {
		return nil, fmt.Errorf("opus: %w", err)
	}
	return lib, nil
}
