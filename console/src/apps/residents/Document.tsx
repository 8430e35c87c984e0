// One document as it was sent: its text, its results, and what is attached. Nobody's words act as ours: all is text.
import { useQuery } from "@tanstack/react-query";
import { Descriptions, Flex, Skeleton, Typography } from "antd";
import { useTranslation } from "react-i18next";
import { entries, said } from "~/fhir/reading";
import { useClient } from "~/fhir/context";
import { numberOf, rangeOf } from "~/fhir/results";
import { Nothing } from "~/ui/Nothing";
import { ProblemBox } from "~/ui/ProblemBox";
import { Rows } from "~/ui/Rows";
import { Attached } from "./Attached";
import { flagSaid, unitSaid } from "./measuring";

type Shown = fhir4.DiagnosticReport | fhir4.DocumentReference | fhir4.Composition;

export function Document({ reference }: { reference: string }) {
  const { t } = useTranslation("translation", { keyPrefix: "residents.documents" });
  const client = useClient();
  const found = useQuery({ queryKey: ["document", reference], queryFn: () => client.get<Shown>(reference) });
  if (found.error) return <ProblemBox error={found.error} again={() => void found.refetch()} />;
  if (!found.data) return <Skeleton active />;
  const one = found.data;
  const attachments = attached(one);
  const sections = one.resourceType === "Composition" ? one.section ?? [] : [];
  const results = one.resourceType === "DiagnosticReport" ? (one.result ?? []).flatMap((each) => each.reference?.split("/").at(-1) ?? []) : [];
  const conclusion = one.resourceType === "DiagnosticReport" ? one.conclusion : undefined;
  if (!conclusion && results.length + attachments.length + sections.length === 0) return <Nothing say={t("empty")} />;
  return (
    <Flex vertical gap={16}>
      {conclusion ? <Descriptions size="small" column={1} items={[{ key: "c", label: t("conclusion"), children: conclusion }]} /> : null}
      {results.length > 0 ? <Results ids={results} /> : null}
      {sections.map((section, place) => (
        <section key={place}>
          <Typography.Title level={3} style={{ fontSize: 15 }}>{section.title ?? said(section.code)}</Typography.Title>
          <Typography.Paragraph style={{ whiteSpace: "pre-wrap" }}>{plain(section.text?.div ?? "")}</Typography.Paragraph>
        </section>
      ))}
      {attachments.map((each, place) => <Attached key={place} of={reference} place={place} attachment={each} />)}
    </Flex>
  );
}

function Results({ ids }: { ids: string[] }) {
  const { t } = useTranslation("translation", { keyPrefix: "residents" });
  const client = useClient();
  const found = useQuery({
    queryKey: ["results", ids],
    queryFn: () => client.get<fhir4.Bundle>("Observation", { _id: ids.join(","), _count: ids.length }),
  });
  return (
    <>
      <ProblemBox error={found.error} />
      <Rows<fhir4.Observation>
        loading={found.isPending} dataSource={entries<fhir4.Observation>(found.data)}
        columns={[
          { title: t("tests.item"), text: (one) => said(one.code) },
          { title: t("tests.value"), text: (one) => numberOf(one.valueQuantity) ?? one.valueString ?? said(one.valueCodeableConcept) },
          { title: t("tests.unit"), text: (one) => unitSaid(one.valueQuantity?.unit) },
          { title: t("tests.flag"), text: (one) => flagSaid(one.interpretation?.[0]?.coding?.[0]?.code ?? "", t) },
          { title: t("tests.normal"), text: (one) => rangeOf(one.referenceRange) },
        ]}
      />
    </>
  );
}

function attached(one: Shown): fhir4.Attachment[] {
  if (one.resourceType === "DiagnosticReport") return one.presentedForm ?? [];
  return one.resourceType === "DocumentReference" ? one.content.map((each) => each.attachment) : [];
}

/** What stands in a narrative, as text. */
const plain = (html: string): string => new DOMParser().parseFromString(html, "text/html").body.textContent ?? "";
