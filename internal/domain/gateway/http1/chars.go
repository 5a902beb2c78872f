package http1

import (
	"bytes"
	"encoding/binary"
)

// What a byte may be part of.
const (
	inToken  = 1 << iota // a method or a field's name (RFC 9110, 5.6.2)
	inValue              // a field's value (RFC 9110, 5.5), HTAB, SP and obs-text included
	inTarget             // a path or query, as they are met in practice
	inHost               // a host name or IPv4 address
	inHex                // a hexadecimal digit
)

var classes = classify()

func classify() (table [256]byte) {
	for c := range table {
		b := byte(c)
		letter := 'a' <= lower(b) && lower(b) <= 'z'
		digit := '0' <= b && b <= '9'
		if letter || digit || isOneOf(b, "!#$%&'*+-.^_`|~") {
			table[c] |= inToken
		}
		if b == '\t' || (b >= ' ' && b != 0x7f) {
			table[c] |= inValue
		}
		// No URI has a backslash, which some servers take for a slash, nor a
		// fragment on its way to a server.
		if '!' <= b && b <= '~' && !isOneOf(b, `#\`) {
			table[c] |= inTarget
		}
		if letter || digit || isOneOf(b, "-._~") {
			table[c] |= inHost
		}
		if digit || ('a' <= lower(b) && lower(b) <= 'f') {
			table[c] |= inHex
		}
	}
	return table
}

func isOneOf(b byte, set string) bool {
	for i := range len(set) {
		if set[i] == b {
			return true
		}
	}
	return false
}

// all tells whether every byte is of the class.
func all(s []byte, class byte) bool {
	for _, c := range s {
		if classes[c]&class == 0 {
			return false
		}
	}
	return true
}

// isValue tells whether every byte is of a field's value, eight at a time: a
// value may be a token of a kilobyte.
func isValue(s []byte) bool {
	for len(s) >= 8 {
		if suspect(binary.LittleEndian.Uint64(s)) && !all(s[:8], inValue) {
			return false
		}
		s = s[8:]
	}
	return all(s, inValue)
}

// suspect tells whether one of eight bytes may be a control character: no such
// byte is missed, though a tab is suspect too.
func suspect(eight uint64) bool {
	const each, high = 0x0101010101010101, 0x8080808080808080
	del := eight ^ 0x7f*each
	return ((eight-0x20*each)&^eight|(del-each)&^del)&high != 0
}

// escaped tells whether every "%" begins an escape of two hexadecimal digits.
func escaped(path []byte) bool {
	for i := 0; i < len(path); i++ {
		if path[i] != '%' {
			continue
		}
		if i+2 >= len(path) || classes[path[i+1]]&classes[path[i+2]]&inHex == 0 {
			return false
		}
		i += 2
	}
	return true
}

// isHost tells whether s is a host with or without a port.
func isHost(s []byte) bool {
	host, port := s, []byte(nil)
	if len(s) > 0 && s[0] == '[' {
		end := bytes.LastIndexByte(s, ']')
		if end < 0 || !isIPv6(s[1:end]) {
			return false
		}
		host, port = nil, s[end+1:]
		if len(port) > 0 && port[0] != ':' {
			return false
		}
	} else if colon := bytes.LastIndexByte(s, ':'); colon >= 0 {
		host, port = s[:colon], s[colon:]
	}
	if host != nil && (len(host) == 0 || len(host) > 255 || !all(host, inHost)) {
		return false
	}
	return len(s) > 0 && isPort(port)
}

// isPort takes nothing, or a colon and the digits of a port.
func isPort(port []byte) bool {
	if len(port) == 0 {
		return true
	}
	number := 0
	for _, c := range port[1:] {
		if c < '0' || c > '9' {
			return false
		}
		number = number*10 + int(c-'0')
		if number > 65535 {
			return false
		}
	}
	return len(port) > 1
}

// isIPv6 holds the address to its letters; zones have no business in a Host.
func isIPv6(s []byte) bool {
	colons := 0
	for _, c := range s {
		if c == ':' {
			colons++
		} else if c != '.' && classes[c]&inHex == 0 {
			return false
		}
	}
	return colons >= 2 && len(s) <= 45
}
