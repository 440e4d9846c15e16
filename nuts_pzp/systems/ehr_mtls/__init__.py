"""The EHR door in sidecar mode: a listed client certificate stands for the tenant itself (design D7).

TLS has verified the chain; this room checks which certificate it is. The professional is named in the request body and
is recorded as self-attested.
"""
