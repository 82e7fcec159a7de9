"""From outcomes to a triage record: field results, their formats, the rules, and the record itself."""
