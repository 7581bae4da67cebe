package main

import (
	"net/http"
)

func (s *station) pages() http.Handler { return http.NotFoundHandler() }
