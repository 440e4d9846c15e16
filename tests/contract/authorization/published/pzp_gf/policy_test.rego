package pzp_gf_test

import rego.v1

import data.pzp_gf

goals := {"resource": {"type": "Goal"}, "context": {"mitz_consent": true, "patient_id": "1"}}

test_goals_are_not_listed if not pzp_gf.allow with input as goals
