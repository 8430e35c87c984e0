"""Subscriptions: who wants to be told of which changes, and telling them.

A Subscription is a resource like any other; writing one asks for nothing yet. The background work sees it in the change
feed, looks whether it can be done, and sets its status to active or to error. From then on it finds out, for each batch
of changes, which of them match the criteria, by running the criteria as a search among the changed resources: so they
mean what they mean in a search. What matches is delivered in order, at least once.

A change is matched as the resource stands when it is looked at, a moment after it was written. What was imported or
loaded (a historic commit) is told to nobody: it has happened long ago.

Source: https://hl7.org/fhir/R4/subscription.html
"""
