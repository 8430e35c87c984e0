// What the resident's devices measured: the newest of each, and its curve. Where nothing was sent, nothing is drawn.
import { useQuery } from "@tanstack/react-query";
import { Button, Flex, Segmented, Skeleton } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { answered } from "~/fhir/parameters";
import { said } from "~/fhir/reading";
import { useClient } from "~/fhir/context";
import { Nothing } from "~/ui/Nothing";
import { ProblemBox } from "~/ui/ProblemBox";
import { Rows } from "~/ui/Rows";
import { minuteOf } from "~/ui/time";
import { Curve } from "./Curve";
import { unitSaid } from "./measuring";
import type { First } from "./view";

interface Reading { id: string; code: string; what: string; device: string; at: string; value: number | string; unit: string }
const DAYS: Record<string, number> = { week: 7, month: 30, year: 365 };

export default function DevicesPart({ id, view }: { id: string; view: First }) {
  const { t } = useTranslation("translation", { keyPrefix: "residents" });
  const client = useClient();
  const [chosen, setChosen] = useState("");
  const [span, setSpan] = useState("week");
  const found = useQuery({
    queryKey: ["resident", id, "last-readings"],
    queryFn: async () => readingsOf(await client.get<fhir4.Parameters>(`Patient/${view.person.id}/$last-readings`)),
  });
  if (found.error) return <ProblemBox error={found.error} again={() => void found.refetch()} />;
  if (!found.data) return <Skeleton active />;
  if (found.data.length === 0) return <Nothing say={t("devices.none")} />;
  const shown = found.data.find((one) => one.code === chosen) ?? found.data[0];
  return (
    <Flex vertical gap={12}>
      {shown ? (
        <>
          <Segmented style={{ alignSelf: "flex-start" }} value={span} onChange={setSpan} options={Object.keys(DAYS).map((value) => ({ value, label: t(`devices.${value}`) }))} />
          <Curve person={view.person.id} code={shown.code} what={shown.what} days={DAYS[span] ?? 7} />
        </>
      ) : null}
      <Rows<Reading>
        dataSource={found.data} exported={{ title: t("devices.title"), about: () => `Patient/${view.person.id}` }}
        columns={[
          {
            title: t("tests.item"), text: (one) => one.what,
            render: (_, one) => <Button type="link" size="small" style={{ padding: 0 }} aria-pressed={one.code === shown?.code} onClick={() => setChosen(one.code)}>{one.what}</Button>,
          },
          { title: t("tests.newest"), text: (one) => one.value, align: "right" },
          { title: t("tests.unit"), text: (one) => unitSaid(one.unit) },
          { title: t("tests.when"), text: (one) => minuteOf(one.at) },
          { title: t("devices.device"), text: (one) => one.device },
        ]}
      />
    </Flex>
  );
}

function readingsOf(answer: fhir4.Parameters): Reading[] {
  return answered(answer).all("reading").map((one, place) => {
    const concept = one.value<fhir4.CodeableConcept>("code");
    const value = one.value<fhir4.Quantity>("value");
    return {
      id: String(place), code: concept?.coding?.[0]?.code ?? "", what: said(concept), device: one.text("device"),
      at: one.text("at"), value: value?.value ?? "", unit: value?.unit ?? "",
    };
  });
}
