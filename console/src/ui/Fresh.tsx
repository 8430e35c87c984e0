// A page at an address that names something, such as a resident: at another address it begins anew, with nothing open or
// typed of the one before.
import type { ComponentType } from "react";
import { useParams } from "react-router";

export function Fresh({ Page }: { Page: ComponentType }) {
  return <Page key={JSON.stringify(useParams())} />;
}
