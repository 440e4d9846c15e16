# A use-case policy of the kind that is published for PZP: a flat list of allowed queries, one package, no manifest.
# It trusts whoever asks it to have settled who the patient is, and compares nothing with that patient.
package pzp_gf

import rego.v1

default allow := false

allow if {
	input.context.mitz_consent == true
	listed_query
}

listed_query if {
	input.resource.type == "Patient"
	input.action.fhir_rest.interaction_type == "search-type"
	is_string(input.context.patient_bsn)
	input.context.patient_bsn != ""
	startswith(input.action.fhir_rest.search_params.identifier[0][0], "http://fhir.nl/fhir/NamingSystem/bsn|")
}

listed_query if {
	input.resource.type == "Consent"
	input.action.fhir_rest.interaction_type == "search-type"
	is_string(input.context.patient_id)
	input.context.patient_id != ""
	startswith(input.action.fhir_rest.search_params.patient[0][0], "Patient/")
	input.action.fhir_rest.search_params.scope == [["http://terminology.hl7.org/CodeSystem/consentscope|treatment"]]
	input.action.fhir_rest.search_params.category == [["http://snomed.info/sct|129125009"]]
}
