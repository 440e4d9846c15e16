"""Addressing (adressering): from URA to a checked address; what the directory says an organisation is."""
