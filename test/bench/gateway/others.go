//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
)

// nginxConfig is a plain reverse proxy: nothing logged, connections kept.
const nginxConfig = `worker_processes 1;
daemon off;
pid %[1]s/nginx.pid;
error_log %[1]s/error.log;
events { worker_connections 4096; }
http {
	access_log off;
	keepalive_requests 1000000000;
	client_body_temp_path %[1]s/body;
	proxy_temp_path %[1]s/proxy;
	fastcgi_temp_path %[1]s/fastcgi;
	uwsgi_temp_path %[1]s/uwsgi;
	scgi_temp_path %[1]s/scgi;
	upstream backend {
		server %[2]s;
		keepalive 256;
		keepalive_requests 1000000000;
	}
	server {
		listen %[3]s;
		location / {
			proxy_pass http://backend;
			proxy_http_version 1.1;
			proxy_set_header Connection "";
			proxy_set_header Host $host;
		}
	}
}
`

// nginx starts Debian's.
func (b *bench) nginx() (*process, netip.AddrPort, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, address, err
	}
	dir := filepath.Join(b.dir, "nginx")
	// Its worker is nobody's when root starts it.
	if err := os.Mkdir(dir, 0o777); err != nil {
		return nil, address, err
	}
	file := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(file, fmt.Appendf(nil, nginxConfig, dir, b.backend, address), 0o600); err != nil {
		return nil, address, err
	}
	p, err := startOn(proxyCore, os.Stderr, "nginx", "-c", file, "-p", dir, "-e", filepath.Join(dir, "error.log"))
	return p, address, err
}

// caddy starts the Caddy of the module in the folder caddy, as it is by default
// but for its administration and its certificates.
func (b *bench) caddy() (*process, netip.AddrPort, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, address, err
	}
	type object = map[string]any
	config, err := json.Marshal(object{
		"admin":   object{"disabled": true, "config": object{"persist": false}},
		"logging": object{"logs": object{"default": object{"level": "ERROR"}}},
		"apps": object{"http": object{"servers": object{"plain": object{
			"listen":          []string{address.String()},
			"automatic_https": object{"disable": true},
			"routes": []object{{"handle": []object{{
				"handler": "reverse_proxy", "upstreams": []object{{"dial": b.backend.String()}},
				"transport": object{"protocol": "http", "keep_alive": object{"max_idle_conns_per_host": 256}},
			}}}},
		}}}},
	})
	if err != nil {
		return nil, address, err
	}
	file := filepath.Join(b.dir, "caddy.json")
	if err := os.WriteFile(file, config, 0o600); err != nil {
		return nil, address, err
	}
	p, err := startOn(proxyCore, os.Stderr, b.caddyBinary, "run", "--config", file)
	return p, address, err
}
