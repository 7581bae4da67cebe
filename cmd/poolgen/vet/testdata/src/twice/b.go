package twice

import "wrapper"

func byPackage(s *wrapper.Source) {
	b, err := s.Next()
	if err != nil {
		return
	}
	wrapper.Drop(b)
	b.Release() // want `released here a second time; the first is at line 10`
}
