#!/bin/sh
# What foundry.toml calls as its compiler: the npm `solc` package behind the command line that forge expects.
exec node "$(dirname "$0")/solc.cjs" "$@"
