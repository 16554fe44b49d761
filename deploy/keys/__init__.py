"""The master keys of the vault: which there are, and the wrapping of persons' keys by the current one."""
