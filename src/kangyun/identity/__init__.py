"""Who is who: the resident index. `docs/identity.md` tells how a registration becomes a resident's."""
