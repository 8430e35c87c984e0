"""Family: what one resident lets another do, as three rights that are each given or refused alone.

see   the record, as a guardian sees it (`policy.toml`)
act   write and do in the resident's place; who does not see as well is shown what names the person, and no more
hear  be told of the resident's alarms

A member of the family asks, by the resident's telephone or for a desk; the resident answers by the code and link of an
SMS, in the portal, or at a desk with his card; either ends it at once. What stands is rows of `identity_proxy`, which
each sign-in reads; an ask is a row of `family_ask` until it is answered or over.
"""
