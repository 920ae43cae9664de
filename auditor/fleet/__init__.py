"""A fleet: hundreds of pipelines over many accounts, found, read by several workers, remembered and told about."""
