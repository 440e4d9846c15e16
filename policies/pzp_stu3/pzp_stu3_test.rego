# The claims of pzp_stu3.rego, one rule each. The role table here is the tests' own: a region's table changes none of them.
package pzp_stu3_test

import rego.v1

import data.pzp_stu3

roles := {
	"care": {"huisarts": "01.015", "01.015": "huisarts", "seh-arts": "01.071", "planner": "by mistake"},
	"administrative": {"medisch secretaresse": "no treatment", "planner": "no treatment"},
}

procedure_code := "http://snomed.info/sct|713603004"

asked(type, params) := {
	"subject": {
		"client": {"id": "", "scopes": ["pzp-gf"]},
		"organization": {"ura": "90000444", "name": "Huisartsenpost De Kade", "facility_type": "N6"},
		"user": {"id": "e-1", "role": "huisarts"},
	},
	"resource": {"id": "", "type": type, "version_id": "", "consents": null},
	"action": {
		"name": "",
		"connection_type_code": "hl7-fhir-rest",
		"request": {"method": "GET", "protocol": "HTTP/1.1", "path": "", "query": "", "header": {}, "body": ""},
		"fhir_rest": {
			"capability_checked": true,
			"include": [],
			"revinclude": [],
			"interaction_type": "search-type",
			"operation": null,
			"search_params": params,
		},
	},
	"context": {
		"data_holder_facility_type": "Z3",
		"data_holder_organization_id": "90000111",
		"mitz_consent": true,
		"patient_bsn": "#bsn",
		"patient_id": "#patient",
		"purpose_of_use": "TREAT",
	},
}

including(question, includes) := object.union(question, {"action": {"fhir_rest": {"include": includes}}})

about(type, more) := asked(type, object.union({"patient": [["Patient/#patient"]]}, more))

reading(type, id) := object.union(
	asked(type, {}),
	{"resource": {"id": id}, "action": {"fhir_rest": {"interaction_type": "read"}}},
)

allowed(question) if {
	pzp_stu3.allow with input as question with data.pzp_roles as roles
}

refused(question) if {
	not allowed(question)
}

why(question) := words if {
	words := pzp_stu3.reasons with input as question with data.pzp_roles as roles
}

directives := {"category": [["http://snomed.info/sct|11291000146105"]]}

device_types := [
	"http://snomed.info/sct|72506001",
	"http://snomed.info/sct|465460004",
	"http://snomed.info/sct|468542000",
	"http://snomed.info/sct|704707009",
	"http://snomed.info/sct|1263462004",
	"http://snomed.info/sct|1236894001",
]

treatment := about("Consent", directives)

# --- who, why, with whose consent

test_treatment_directives_are_released_to_a_treating_role if allowed(treatment)

test_an_allowed_request_has_no_reasons_against if why(treatment) == set()

test_role_is_compared_without_case_and_surplus_spaces if {
	allowed(object.union(treatment, {"subject": {"user": {"role": "  SEH-Arts "}}}))
}

test_role_code_serves_as_well_as_its_name if {
	allowed(object.union(treatment, {"subject": {"user": {"role": "01.015"}}}))
}

test_unmapped_role_is_refused if {
	question := object.union(treatment, {"subject": {"user": {"role": "tuinman"}}})
	refused(question)
	why(question) == {"role"}
}

test_administrative_role_is_refused_by_name if {
	question := object.union(treatment, {"subject": {"user": {"role": "Medisch secretaresse"}}})
	refused(question)
	why(question) == {"role", "role-administrative"}
}

test_a_role_in_both_tables_is_refused if {
	refused(object.union(treatment, {"subject": {"user": {"role": "planner"}}}))
}

test_part_of_a_role_is_no_role if refused(object.union(treatment, {"subject": {"user": {"role": "huis"}}}))

test_empty_role_is_refused if refused(object.union(treatment, {"subject": {"user": {"role": ""}}}))

test_absent_role_is_refused if refused(object.remove(treatment, ["subject"]))

test_list_of_roles_is_refused if refused(object.union(treatment, {"subject": {"user": {"role": ["huisarts"]}}}))

test_emergency_is_a_purpose if allowed(object.union(treatment, {"context": {"purpose_of_use": "ETREAT"}}))

test_another_purpose_is_refused if {
	every purpose in ["COC", "HRESCH", "treatment", "", null] {
		refused(object.union(treatment, {"context": {"purpose_of_use": purpose}}))
	}
}

test_without_consent_nothing_is_released if {
	question := object.union(treatment, {"context": {"mitz_consent": false}})
	refused(question)
	why(question) == {"consent"}
}

test_only_true_is_consent if {
	every value in ["true", 1, null, [true]] {
		refused(object.union(treatment, {"context": {"mitz_consent": value}}))
	}
}

test_organization_without_ura_is_refused if {
	every ura in ["", "abc", "123456789", null, 90000444] {
		refused(object.union(treatment, {"subject": {"organization": {"ura": ura}}}))
	}
}

test_unlisted_request_is_refused if {
	refused(object.union(treatment, {"action": {"fhir_rest": {"capability_checked": false}}}))
}

test_other_than_fhir_is_refused if {
	refused(object.union(treatment, {"action": {"connection_type_code": "hl7-v3"}}))
}

test_empty_input_is_refused if refused({})

# --- the patient

patient_search := object.union(
	asked("Patient", {"identifier": [["http://fhir.nl/fhir/NamingSystem/bsn|#bsn"]]}),
	{"action": {"request": {"method": "POST"}}},
)

test_patient_is_found_by_bsn if allowed(patient_search)

test_patient_is_found_while_its_logical_id_is_unknown if {
	allowed(object.union(patient_search, {"context": {"patient_id": ""}}))
}

test_patient_search_by_get_is_refused if {
	refused(object.union(patient_search, {"action": {"request": {"method": "GET"}}}))
}

test_another_patients_bsn_is_refused if {
	refused(object.union(patient_search, {"context": {"patient_bsn": "#someone"}}))
}

test_patient_search_without_decided_bsn_is_refused if {
	question := asked("Patient", {"identifier": [["http://fhir.nl/fhir/NamingSystem/bsn|"]]})
	refused(object.union(question, {"context": {"patient_bsn": ""}, "action": {"request": {"method": "POST"}}}))
}

post(question) := object.union(question, {"action": {"request": {"method": "POST"}}})

test_identifier_of_another_system_is_refused if {
	refused(post(asked("Patient", {"identifier": [["http://other|#bsn"]]})))
	refused(post(asked("Patient", {"identifier": [["#bsn"]]})))
	refused(post(asked("Patient", {"identifier": [["|#bsn"]]})))
}

test_two_identifiers_are_refused if {
	bsn := "http://fhir.nl/fhir/NamingSystem/bsn|#bsn"
	refused(post(asked("Patient", {"identifier": [[bsn, "http://fhir.nl/fhir/NamingSystem/bsn|#other"]]})))
	refused(post(asked("Patient", {"identifier": [[bsn], [bsn]]})))
}

test_patient_search_on_more_than_bsn_is_refused if {
	bsn := "http://fhir.nl/fhir/NamingSystem/bsn|#bsn"
	refused(post(asked("Patient", {"identifier": [[bsn]], "birthdate": [["1950-01-01"]]})))
	refused(post(asked("Patient", {"name": [["Jansen"]]})))
	refused(post(asked("Patient", {})))
}

# --- every search, for the patient of the decision and no other

searches := {
	"1a": including(about("Procedure", {"code": [[procedure_code]]}), ["Procedure:encounter", "Procedure:context"]),
	"1b": including(about("Encounter", {"reason": [[procedure_code]]}), ["Encounter:diagnosis"]),
	"2": including(treatment, ["Consent:actor", "Consent:consentor"]),
	"3": including(about("Consent", {"category": [["http://snomed.info/sct|11341000146107"]]}), ["Consent:actor"]),
	"4": about("Goal", {"category": [[procedure_code]]}),
	"4 plain": about("Goal", {}),
	"5": about("Observation", {"code": [[
		"http://snomed.info/sct|153851000146100",
		"http://snomed.info/sct|395091006",
		"http://snomed.info/sct|340171000146104",
		"http://snomed.info/sct|247751003",
		"http://snomed.info/sct|570801000146104",
	]]}),
	"6": including(about("DeviceUseStatement", {"device.type": [device_types]}), ["DeviceUseStatement:device"]),
	"6 plain": including(about("DeviceUseStatement", {}), ["DeviceUseStatement:device"]),
	"7": about("CommunicationRequest", {"category": [["http://snomed.info/sct|223449006"]]}),
	"form": about("QuestionnaireResponse", {"questionnaire": [[
		"https://api.iknl.nl/docs/pzp/stu3/Questionnaire/ACP-zib2017",
	]]}),
	"form by subject, version": asked("QuestionnaireResponse", {
		"subject": [["Patient/#patient"]],
		"questionnaire": [["https://api.iknl.nl/docs/pzp/stu3/Questionnaire/ACP-zib2017|1.0.0-rc2"]],
	}),
}

test_every_pzp_search_is_allowed if {
	every question in searches { allowed(question) }
}

test_no_search_needs_its_includes if {
	every question in searches { allowed(object.union(question, {"action": {"fhir_rest": {"include": []}}})) }
}

test_searches_by_post_are_allowed_as_well if {
	every question in searches { allowed(post(question)) }
}

test_every_search_is_refused_for_another_patient if {
	every question in searches { refused(object.union(question, {"context": {"patient_id": "#someone"}})) }
}

test_every_search_is_refused_without_a_known_patient if {
	every question in searches {
		refused(object.union(question, {"context": {"patient_id": ""}}))
		refused(object.union(question, {"context": {"patient_id": null}}))
	}
}

test_every_search_is_refused_with_one_parameter_more if {
	every question in searches {
		refused(object.union(question, {"action": {"fhir_rest": {"search_params": {"_lastUpdated": [["gt2020"]]}}}}))
	}
}

test_every_search_is_refused_with_a_strange_include if {
	every question in searches {
		refused(object.union(question, {"action": {"fhir_rest": {"include": ["Observation:performer"]}}}))
		refused(object.union(question, {"action": {"fhir_rest": {"revinclude": ["Provenance:target"]}}}))
	}
}

patient_named(question, groups) := object.union(question, {"action": {"fhir_rest": {"search_params": {"patient": groups}}}})

by_patient := {name: question |
	some name, question in searches
	name != "form by subject, version"
}

test_every_search_is_refused_for_two_patients if {
	every question in by_patient {
		refused(patient_named(question, [["Patient/#patient", "Patient/#other"]]))
		refused(patient_named(question, [["Patient/#patient"], ["Patient/#other"]]))
	}
}

test_every_search_needs_the_type_before_the_id if {
	every question in by_patient { refused(patient_named(question, [["#patient"]])) }
}

test_a_search_of_everything_about_nobody_is_refused if {
	every type in ["Procedure", "Encounter", "Consent", "Goal", "Observation", "DeviceUseStatement", "Patient"] {
		refused(asked(type, {}))
	}
}

test_other_types_are_refused if {
	every type in ["Condition", "MedicationRequest", "List", "Composition", "Bundle", "DocumentReference", "Binary"] {
		refused(about(type, {}))
		refused(reading(type, "a-1"))
	}
}

# --- values, each way round

test_conversation_by_another_code_is_refused if {
	refused(about("Procedure", {"code": [["http://snomed.info/sct|80146002"]]}))
	refused(about("Procedure", {"code": [["713603004"]]}))
	refused(about("Procedure", {}))
	refused(about("Encounter", {"reason": [["http://snomed.info/sct|80146002"]]}))
	refused(about("Encounter", {"reason-reference:Procedure.code": [[procedure_code]]}))
	refused(about("Encounter", {}))
}

test_consent_by_another_category_or_with_a_scope_is_refused if {
	refused(about("Consent", {}))
	refused(about("Consent", {"category": [["11291000146105"]]}))
	refused(about("Consent", {"category": [["http://snomed.info/sct|129125009"]]}))
	refused(about("Consent", {"category": [["http://terminology.hl7.org/CodeSystem/consentcategorycodes|acd"]]}))
	refused(about("Consent", {"category": [["http://snomed.info/sct|11291000146105", "http://snomed.info/sct|1"]]}))
	refused(about("Consent", {"category": [["http://snomed.info/sct|11291000146105", "http://snomed.info/sct|11341000146107"]]}))
	refused(about("Consent", {"category": [["http://snomed.info/sct|11291000146105"], ["http://snomed.info/sct|11341000146107"]]}))
	refused(about("Consent", object.union(directives, {"scope": [["http://terminology.hl7.org/CodeSystem/consentscope|treatment"]]})))
}

test_goal_by_another_category_or_a_value_set_is_refused if {
	refused(about("Goal", {"category": [["http://snomed.info/sct|1"]]}))
	refused(about("Goal", {"description:in": [["https://fhir.iknl.nl/fhir/ValueSet/ACP-MedicalPolicyGoal"]]}))
	refused(about("Goal", {"description": [["http://snomed.info/sct|713148004"]]}))
}

test_fewer_observation_codes_are_allowed if {
	allowed(about("Observation", {"code": [["http://snomed.info/sct|395091006"]]}))
}

test_observation_system_written_once_is_allowed if {
	allowed(about("Observation", {"code": [["http://snomed.info/sct|153851000146100", "395091006", "247751003"]]}))
}

test_other_observations_are_refused if {
	refused(about("Observation", {}))
	refused(about("Observation", {"code": [[]]}))
	refused(about("Observation", {"code": [["395091006"]]}))
	refused(about("Observation", {"code": [["http://loinc.org|8480-6"]]}))
	refused(about("Observation", {"code": [["http://snomed.info/sct|395091006", "http://loinc.org|8480-6"]]}))
	refused(about("Observation", {"code": [["http://snomed.info/sct|395091006", "8480-6"]]}))
	refused(about("Observation", {"code": [["http://snomed.info/sct|395091006"], ["http://loinc.org|8480-6"]]}))
	refused(about("Observation", {"code": [["http://snomed.info/sct|"]]}))
}

test_fewer_devices_and_their_system_written_once_are_allowed if {
	allowed(about("DeviceUseStatement", {"device.type": [["http://snomed.info/sct|72506001"]]}))
	allowed(about("DeviceUseStatement", {"device.type": [["http://snomed.info/sct|72506001", "465460004"]]}))
}

test_other_devices_are_refused if {
	refused(about("DeviceUseStatement", {"device.type": [[]]}))
	refused(about("DeviceUseStatement", {"device.type": []}))
	refused(about("DeviceUseStatement", {"device.type": [["72506001"]]}))
	refused(about("DeviceUseStatement", {"device.type": [["http://snomed.info/sct|1"]]}))
	refused(about("DeviceUseStatement", {"device.type": [["http://snomed.info/sct|72506001", "http://snomed.info/sct|1"]]}))
	refused(about("DeviceUseStatement", {"device.type": [["http://snomed.info/sct|72506001"], ["http://snomed.info/sct|465460004"]]}))
	refused(about("DeviceUseStatement", {"device.type": [["http://x.example/http://snomed.info/sct|72506001"]]}))
	refused(about("DeviceUseStatement", {"device.type:in": [["https://api.iknl.nl/docs/pzp/r4/ValueSet/ACP-MedicalDeviceProductType-ICD"]]}))
}

test_informing_relatives_by_another_code_is_refused if {
	refused(about("CommunicationRequest", {}))
	refused(about("CommunicationRequest", {"category": [[procedure_code]]}))
	refused(about("Communication", {"reason-code": [[procedure_code]]}))
	refused(reading("Communication", "a-1"))
}

form(canonical) := about("QuestionnaireResponse", {"questionnaire": [[canonical]]})

test_another_form_is_refused if {
	refused(about("QuestionnaireResponse", {}))
	refused(form("https://fhir.iknl.nl/fhir/Questionnaire/Other"))
	refused(form("https://evil.example/Questionnaire/ACP-zib2017"))
	refused(form("https://api.iknl.nl/docs/pzp/r4/Questionnaire/ACP-zib2020"))
	refused(form("https://api.iknl.nl/docs/pzp/stu3/Questionnaire/ACP-zib2017|"))
	refused(form("https://api.iknl.nl/docs/pzp/stu3/Questionnaire/ACP-zib2017|1|2"))
	refused(form("https://api.iknl.nl/docs/pzp/stu3/Questionnaire/ACP-zib2017x"))
}

test_form_by_subject_and_patient_at_once_is_refused if {
	refused(about("QuestionnaireResponse", {
		"subject": [["Patient/#patient"]],
		"questionnaire": [["https://api.iknl.nl/docs/pzp/stu3/Questionnaire/ACP-zib2017"]],
	}))
}

# --- reads

test_the_patient_is_read if allowed(reading("Patient", "#patient"))

test_another_patient_is_not_read if refused(reading("Patient", "#other"))

test_what_answers_refer_to_is_read if {
	every type in [
		"RelatedPerson", "Encounter", "Procedure", "Consent", "Device", "Goal", "Observation",
		"DeviceUseStatement", "CommunicationRequest", "QuestionnaireResponse",
	] {
		allowed(reading(type, "a-1"))
	}
}

test_a_read_needs_an_id_and_a_known_patient if {
	refused(reading("RelatedPerson", ""))
	refused(object.union(reading("RelatedPerson", "a-1"), {"context": {"patient_id": ""}}))
	refused(object.union(reading("Patient", ""), {"context": {"patient_id": ""}}))
}

test_a_read_takes_no_parameters if {
	refused(object.union(reading("RelatedPerson", "a-1"), {"action": {"fhir_rest": {"search_params": {"x": [["y"]]}}}}))
	refused(object.union(reading("RelatedPerson", "a-1"), {"action": {"fhir_rest": {"include": ["RelatedPerson:patient"]}}}))
}

test_types_without_a_patient_are_not_read if {
	every type in ["Practitioner", "PractitionerRole", "Organization", "Location"] { refused(reading(type, "a-1")) }
}

test_other_interactions_are_refused if {
	every interaction in ["vread", "create", "update", "delete", "patch", "history-instance", "operation", "capabilities"] {
		refused(object.union(treatment, {"action": {"fhir_rest": {"interaction_type": interaction}}}))
	}
}

test_other_interactions_are_refused_for_what_may_be_read if {
	every interaction in ["vread", "create", "update", "delete", "patch", "history-instance", "operation", "capabilities"] {
		refused(object.union(reading("RelatedPerson", "a-1"), {"action": {"fhir_rest": {"interaction_type": interaction}}}))
		refused(object.union(reading("Patient", "#patient"), {"action": {"fhir_rest": {"interaction_type": interaction}}}))
	}
}

test_a_read_takes_nothing_that_refers_to_it if {
	refused(object.union(reading("RelatedPerson", "a-1"), {"action": {"fhir_rest": {"revinclude": ["Provenance:target"]}}}))
}

test_the_id_of_the_patient_opens_no_other_type if {
	every type in ["Condition", "Practitioner", "List"] { refused(reading(type, "#patient")) }
}

test_an_id_is_text if {
	every id in [5, true, null, ["a-1"], {"a": 1}] { refused(reading("RelatedPerson", id)) }
}

# --- each search is one of its own type

test_every_search_is_refused_of_another_type if {
	every question in searches {
		refused(object.union(question, {"resource": {"type": "Condition"}}))
		refused(object.union(question, {"resource": {"type": null}}))
	}
}

test_the_patient_search_is_refused_of_another_type if {
	refused(object.union(patient_search, {"resource": {"type": "Person"}}))
}

test_the_patient_search_takes_no_include if {
	refused(including(patient_search, ["Patient:general-practitioner"]))
	refused(including(patient_search, ["Consent:actor"]))
}

test_an_include_of_one_search_is_none_of_another if {
	refused(including(treatment, ["Consent:actor", "Procedure:encounter"]))
	refused(including(searches["4"], ["Consent:actor"]))
	refused(including(searches["5"], ["Procedure:encounter"]))
	refused(including(searches["7"], ["Consent:actor"]))
	refused(including(searches.form, ["Consent:actor"]))
}

test_the_form_is_searched_by_subject_or_patient_only if {
	every name in ["author", "source", "patient:Patient", "_id"] {
		refused(asked("QuestionnaireResponse", {
			name: [["Patient/#patient"]],
			"questionnaire": [["https://api.iknl.nl/docs/pzp/stu3/Questionnaire/ACP-zib2017"]],
		}))
	}
}

# --- one group of alternatives, not empty

test_the_form_is_given_once_and_as_alternatives if {
	canonical := "https://api.iknl.nl/docs/pzp/stu3/Questionnaire/ACP-zib2017"
	allowed(about("QuestionnaireResponse", {"questionnaire": [[canonical, concat("|", [canonical, "1.0.0"])]]}))
	refused(about("QuestionnaireResponse", {"questionnaire": [[canonical], [canonical]]}))
	refused(about("QuestionnaireResponse", {"questionnaire": [[canonical], ["https://else.example/x"]]}))
	refused(about("QuestionnaireResponse", {"questionnaire": [[]]}))
	refused(about("QuestionnaireResponse", {"questionnaire": []}))
}

test_observation_codes_are_given_once_and_not_empty if {
	refused(about("Observation", {"code": [[]]}))
	refused(about("Observation", {"code": []}))
	refused(about("Observation", {"code": [["http://snomed.info/sct|395091006"], ["http://snomed.info/sct|395091006"]]}))
	refused(about("Observation", {"code": [["http://x.example/http://snomed.info/sct|395091006"]]}))
}

# --- why not, word by word; no is false, and not merely nothing

test_a_refusal_is_false if pzp_stu3.allow == false with input as {} with data.pzp_roles as roles

test_an_allowed_request_is_true if pzp_stu3.allow == true with input as treatment with data.pzp_roles as roles

test_each_condition_has_its_word if {
	why(object.union(treatment, {"action": {"fhir_rest": {"capability_checked": false}}})) == {"fhir"}
	why(object.union(treatment, {"subject": {"organization": {"ura": ""}}})) == {"organization"}
	why(object.union(treatment, {"subject": {"user": {"role": "tuinman"}}})) == {"role"}
	why(object.union(treatment, {"subject": {"user": {"role": "medisch secretaresse"}}})) == {"role", "role-administrative"}
	why(object.union(treatment, {"context": {"purpose_of_use": "HMARKT"}})) == {"purpose"}
	why(object.union(treatment, {"context": {"mitz_consent": false}})) == {"consent"}
	why(about("Condition", {})) == {"request"}
}

test_an_empty_input_has_every_word_against_it if {
	why({}) == {"fhir", "organization", "role", "purpose", "consent", "request"}
}
