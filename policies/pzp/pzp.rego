# Who may ask what about proactieve zorgplanning (PZP), for one patient, with that patient's consent.
#
# Every search is compared as a whole: one parameter more, one value else, and no rule holds. Every value that names a
# patient is held against the patient of the decision (input.context). The requests are those of the IKNL guides, both
# R4 dialects: 0.1.3-beta3 and 1.0.0-rc2. Roles come from data.pzp_roles (roles.yaml).
package pzp

import rego.v1

default allow := false

allow if {
	fhir
	organization
	role
	purpose
	consent
	request
}

# Why not: words for the log of the data holder, never for the requester.
reasons contains "fhir" if not fhir

reasons contains "organization" if not organization

reasons contains "role" if not role

reasons contains "role-administrative" if data.pzp_roles.administrative[role_text]

reasons contains "purpose" if not purpose

reasons contains "consent" if not consent

reasons contains "request" if not request

fhir if {
	input.action.connection_type_code == "hl7-fhir-rest"
	input.action.fhir_rest.capability_checked == true
}

# A URA: one to eight digits.
organization if {
	is_string(input.subject.organization.ura)
	input.subject.organization.ura != ""
	count(input.subject.organization.ura) <= 8
	trim(input.subject.organization.ura, "0123456789") == ""
}

# Lower case, one space between words, none around.
role_text := lower(concat(" ", [word | some word in split(input.subject.user.role, " "); word != ""])) if {
	is_string(input.subject.user.role)
}

role if {
	text := role_text
	roles := data.pzp_roles
	roles.care[text]
	not roles.administrative[text]
}

purpose if input.context.purpose_of_use in {"TREAT", "ETREAT"}

consent if input.context.mitz_consent == true

request if {
	input.action.fhir_rest.interaction_type == "search-type"
	input.action.fhir_rest.revinclude == []
	search
}

request if {
	input.action.fhir_rest.interaction_type == "read"
	input.action.fhir_rest.search_params == {}
	input.action.fhir_rest.include == []
	input.action.fhir_rest.revinclude == []
	read
}

params := input.action.fhir_rest.search_params

# Undefined when the patient is not known by a logical id: then no rule that needs one holds.
patient := concat("/", ["Patient", input.context.patient_id]) if {
	is_string(input.context.patient_id)
	input.context.patient_id != ""
}

includes_only(allowed) if {
	every include in input.action.fhir_rest.include { include in allowed }
}

pzp_procedure := "http://snomed.info/sct|713603004"

# The patient, by BSN, in the body of a POST.
search if {
	input.resource.type == "Patient"
	input.action.request.method == "POST"
	input.context.patient_bsn != ""
	params == {"identifier": [[concat("|", ["http://fhir.nl/fhir/NamingSystem/bsn", input.context.patient_bsn])]]}
	input.action.fhir_rest.include == []
}

# 1a The conversation, by its procedure.
search if {
	input.resource.type == "Procedure"
	params == {"patient": [[patient]], "code": [[pzp_procedure]]}
	includes_only({"Procedure:encounter"})
}

# 1b The conversation, by its encounter.
search if {
	input.resource.type == "Encounter"
	params == {"patient": [[patient]], "reason-reference:Procedure.code": [[pzp_procedure]]}
	includes_only({"Encounter:reason-reference"})
}

# 2 Treatment directives.
search if {
	input.resource.type == "Consent"
	params == {
		"patient": [[patient]],
		"scope": [["http://terminology.hl7.org/CodeSystem/consentscope|treatment"]],
		"category": [["http://snomed.info/sct|129125009"]],
	}
	includes_only({"Consent:actor"})
}

# 3 Advance directives.
search if {
	input.resource.type == "Consent"
	params == {
		"patient": [[patient]],
		"scope": [["http://terminology.hl7.org/CodeSystem/consentscope|adr"]],
		"category": [["http://terminology.hl7.org/CodeSystem/consentcategorycodes|acd"]],
	}
	includes_only({"Consent:actor"})
}

# 4 The goal of the medical policy: by category (rc2), by value set (beta3), or all goals where a source cannot do either.
search if {
	input.resource.type == "Goal"
	params == {"patient": [[patient]], "category": [[pzp_procedure]]}
	input.action.fhir_rest.include == []
}

search if {
	input.resource.type == "Goal"
	asked := params
	object.keys(asked) == {"patient", "description:in"}
	asked.patient == [[patient]]
	one_of_ours(asked["description:in"], goal_value_sets)
	input.action.fhir_rest.include == []
}

search if {
	input.resource.type == "Goal"
	params == {"patient": [[patient]]}
	input.action.fhir_rest.include == []
}

# 5 Wishes and positions: any of the five codes. The first has its system; the guide's own text writes it only once.
search if {
	input.resource.type == "Observation"
	asked := params
	object.keys(asked) == {"patient", "code"}
	asked.patient == [[patient]]
	count(asked.code) == 1
	startswith(asked.code[0][0], "http://snomed.info/sct|")
	known := observation_codes
	every code in asked.code[0] { trim_prefix(code, "http://snomed.info/sct|") in known }
	input.action.fhir_rest.include == []
}

# 6 The implanted defibrillator; without value set where a source cannot search by one.
search if {
	input.resource.type == "DeviceUseStatement"
	asked := params
	object.keys(asked) == {"patient", "device.type:in"}
	asked.patient == [[patient]]
	one_of_ours(asked["device.type:in"], device_value_sets)
	includes_only({"DeviceUseStatement:device"})
}

search if {
	input.resource.type == "DeviceUseStatement"
	params == {"patient": [[patient]]}
	includes_only({"DeviceUseStatement:device"})
}

# 7 Informing relatives: a request (rc2) or a communication (beta3).
search if {
	input.resource.type == "CommunicationRequest"
	params == {"patient": [[patient]], "category": [["http://snomed.info/sct|223449006"]]}
	input.action.fhir_rest.include == []
}

search if {
	input.resource.type == "Communication"
	params == {"patient": [[patient]], "reason-code": [[pzp_procedure]]}
	input.action.fhir_rest.include == []
}

# The form, by its canonical, with or without version; by subject or by patient.
search if {
	input.resource.type == "QuestionnaireResponse"
	asked := params
	some name in {"subject", "patient"}
	object.keys(asked) == {name, "questionnaire"}
	asked[name] == [[patient]]
	one_of_ours(asked.questionnaire, questionnaires)
	input.action.fhir_rest.include == []
}

observation_codes := {
	"153851000146100",
	"395091006",
	"340171000146104",
	"247751003",
	"570801000146104",
}

canonical_bases := {"https://api.iknl.nl/docs/pzp/r4/", "https://fhir.iknl.nl/fhir/"}

goal_value_sets := {concat("", [base, "ValueSet/ACP-MedicalPolicyGoal"]) | some base in canonical_bases}

device_value_sets := {concat("", [base, "ValueSet/ACP-MedicalDeviceProductType-ICD"]) | some base in canonical_bases}

questionnaires := {concat("", [base, "Questionnaire/ACP-zib2020"]) | some base in canonical_bases}

# One group of alternatives, not empty, each a known canonical, alone or followed by a version.
one_of_ours(groups, canonicals) if {
	count(groups) == 1
	count(groups[0]) > 0
	every value in groups[0] { regex.replace(value, `\|[A-Za-z0-9.+-]{1,40}$`, "") in canonicals }
}

# The patient's own record.
read if {
	input.resource.type == "Patient"
	input.resource.id == input.context.patient_id
	patient
}

# What an answer refers to. Whose it is, the gateway has looked up: that patient is the patient of the decision.
read if {
	input.resource.type in read_types
	is_string(input.resource.id)
	input.resource.id != ""
	patient
}

# Types that always belong to a patient, and Device, which the gateway refuses when it belongs to none.
read_types := {
	"Communication",
	"CommunicationRequest",
	"Consent",
	"Device",
	"DeviceUseStatement",
	"Encounter",
	"Goal",
	"Observation",
	"Procedure",
	"QuestionnaireResponse",
	"RelatedPerson",
}
