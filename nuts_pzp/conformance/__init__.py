"""The conformance kit: tries another party's data-holder or data-user side with a test patient and says rule by rule.

It knows the guides' words by itself (`wording.py`) and shares no query, token or adapter with the gateway that it also
judges; only the readers of the merge are asked whether they can read what came. It certifies nobody.
"""
