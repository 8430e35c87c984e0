"""Services over SOAP 1.1 and 1.2: messages in and out, by mapping files that say which of our functions an action is.

Pure: an envelope is read (`envelope`), the service's file says what is asked of the record (`mapping`), and of what the
record answers an answer is written. Who asks and what becomes of it is `kangyun.web.soap`: the same door as FHIR's.

Named for what it is and not for WS/T 790: the messages of its parts 2 to 17 were not found in public, so the shipped
form is our own (`urn:kangyun:soap:1`), and a site that holds the standard writes its messages into files of its own.
ADR 34, docs/soap.md.
"""
