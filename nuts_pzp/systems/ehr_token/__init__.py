"""The EHR door with user tokens: the gateway is the authorization server of the tenant's own EHR (design D7).

The EHR signs who logged in and how, and gets a token of minutes for that person; the token is what a question is asked
with. RFC 7523 (assertions), 8705 (certificates), 9068 (JWT access tokens), 8414 (metadata).
"""
