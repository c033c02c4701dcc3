"""One file per verb of the contract: request in, record out; the skins (api, cli, web) only call these."""
