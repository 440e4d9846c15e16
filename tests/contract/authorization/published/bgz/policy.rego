# A policy of the kind that is published for the basic data set (BgZ): it leans on the CapabilityStatement beside it.
package bgz

import rego.v1

default allow := false

allow if {
	input.action.fhir_rest.capability_checked == true
	input.context.mitz_consent == true
	about_a_patient
	listed_query
}

about_a_patient if input.context.patient_id != ""

about_a_patient if input.context.patient_bsn != ""

listed_query if {
	input.resource.type == "Condition"
	input.action.fhir_rest.interaction_type == "search-type"
}

listed_query if {
	input.resource.type == "Procedure"
	input.action.fhir_rest.interaction_type == "search-type"
	input.action.fhir_rest.search_params.category == [["http://snomed.info/sct|387713003"]]
}

listed_query if {
	input.resource.type == "Coverage"
	{one | some one in input.action.fhir_rest.include} == {"Coverage:payor:Patient", "Coverage:payor:Organization"}
}
