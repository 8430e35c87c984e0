// Today, for whoever is here: a doctor's own residents, and for a registrar the list that makes them his.
import { useHere } from "~/app/session";
import Contracts from "./Contracts";
import Mine from "./Mine";

const DESKS = ["registrar"];

export default function Today() {
  return DESKS.includes(useHere().who.role) ? <Contracts /> : <Mine />;
}
