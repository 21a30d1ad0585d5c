from tiny_bundle import tiny_bundle as tiny_bundle
