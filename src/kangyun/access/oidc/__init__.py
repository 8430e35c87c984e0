"""The built-in OpenID provider, with SMART App Launch 2: keys, tokens, grants, scopes; and tokens of an outside one."""
