package store

import (
	"fmt"
	"strings"
)

// name is what the file of a segment is called: its number, its salt, and how often it was written anew.
func name(number, salt uint32, generation int) string {
	return fmt.Sprintf("%08x-%08x.%d.seg", number, salt, generation)
}

const unfinished = ".tmp" // ends the name of a file that becomes a segment when it is whole

// isUnfinished reports whether a file was to become a segment or a pin.
func isUnfinished(s string) bool {
	s, ok := strings.CutSuffix(s, unfinished)
	if !ok {
		return false
	}
	_, _, _, segment := parseName(s + ".seg")
	_, index := bucketFile(s, indexEnd)
	pin, isPin := strings.CutSuffix(s, pinEnd)
	return segment || index || isPin && validPin(pin)
}

// maxNumber is where the numbers of segments end: their IDs must be below maxID.
const maxNumber = 1<<31 - 1

var errNumbers = fmt.Errorf("segment numbers end at %d, and one is used; move the folder's frames elsewhere", maxNumber)

func parseName(s string) (number, salt uint32, generation int, ok bool) {
	if !strings.HasSuffix(s, ".seg") {
		return 0, 0, 0, false
	}
	if _, err := fmt.Sscanf(s, "%08x-%08x.%d.seg", &number, &salt, &generation); err != nil {
		return 0, 0, 0, false
	}
	return number, salt, generation, name(number, salt, generation) == s
}
