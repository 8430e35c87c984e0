// One resident: who it is, then the parts of the record, each fetched when it is opened.
import { useQuery } from "@tanstack/react-query";
import { Flex, Skeleton } from "antd";
import { lazy, Suspense, type ComponentType } from "react";
import { useTranslation } from "react-i18next";
import { useParams, useSearchParams } from "react-router";
import { useClient } from "~/fhir/context";
import { ProblemBox } from "~/ui/ProblemBox";
import { Parts } from "~/ui/Parts";
import { FrontPage } from "./FrontPage";
import { Head } from "./Head";
import { first, type First } from "./view";

const PARTS: Record<string, ComponentType<{ id: string; view: First }>> = {
  timeline: lazy(() => import("./Timeline")),
  tests: lazy(() => import("./Tests")),
  documents: lazy(() => import("./Documents")),
  devices: lazy(() => import("./Devices")),
  family: lazy(() => import("./Family")),
  looks: lazy(() => import("./Looks")),
};

export default function Resident() {
  const { t } = useTranslation("translation", { keyPrefix: "residents" });
  const { id = "" } = useParams();
  const client = useClient();
  const [search, setSearch] = useSearchParams();
  const open = search.get("part") ?? "front";
  const found = useQuery({ queryKey: ["resident", id, "first"], queryFn: () => first(client, id) });
  if (found.error) return <ProblemBox error={found.error} again={() => void found.refetch()} />;
  if (!found.data) return <Skeleton active paragraph={{ rows: 12 }} />;
  const view = found.data;
  const items = ["front", ...Object.keys(PARTS)].map((key) => {
    const Part = PARTS[key];
    return {
      key,
      label: t(`parts.${key}`),
      children: Part ? <Suspense fallback={<Skeleton active />}><Part id={id} view={view} /></Suspense> : <FrontPage view={view} />,
    };
  });
  return (
    <Flex vertical gap={8} style={{ minWidth: 0 }}>
      <Head id={id} view={view} />
      <Parts
        open={open} items={items}
        onOpen={(key) => setSearch(key === "front" ? {} : { part: key }, { replace: true })}
      />
    </Flex>
  );
}
