"""Models that are elsewhere: fetched from a web server, a bucket or a hub into a folder of this machine."""
