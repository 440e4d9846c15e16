"""Sharing consent (toestemming om te delen): may this holder make this patient's data available to this user?"""
