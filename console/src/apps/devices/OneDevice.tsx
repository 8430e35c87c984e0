// One device: how it is, what was refused of it, its claim code; stopping, resuming, taking back, revoking.
import { useMutation, useQuery } from "@tanstack/react-query";
import { App, Alert, Button, Card, Descriptions, Drawer, Flex, Typography } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useClient } from "~/fhir/context";
import { answered, parameters, saidIn } from "~/fhir/parameters";
import { ProblemBox } from "~/ui/ProblemBox";
import { QuestionnaireForm } from "~/ui/QuestionnaireForm";
import { choice, question, questionnaire, when, type Words } from "~/ui/questionnaire/asking";
import { minuteOf } from "~/ui/time";
import { StateMark } from "./StateMark";
import { deviceOf, type Device } from "./device";

const ENDS = ["returned", "broken", "lost", "stolen"] as const;

export function OneDevice({ device, onClose, onDone }: { device: Device | null; onClose: () => void; onDone: () => void }) {
  const { t } = useTranslation("translation", { keyPrefix: "devices" });
  return (
    <Drawer open={device !== null} onClose={onClose} title={device?.name ?? ""} size={520} destroyOnHidden aria-label={t("one")}>
      {device ? <Inside key={device.id} device={device} onDone={onDone} /> : null}
    </Drawer>
  );
}

function Inside({ device, onDone }: { device: Device; onDone: () => void }) {
  const { t } = useTranslation("translation", { keyPrefix: "devices" });
  const client = useClient();
  const path = `Device/${device.id}`;
  const health = useQuery({
    queryKey: ["device-health", device.id],
    queryFn: async () => answered(await client.get<fhir4.Parameters>(`${path}/$device-health`)).all("device").map(deviceOf)[0],
  });
  const refusals = useQuery({
    queryKey: ["device-refusals", device.id],
    queryFn: async () => answered(await client.get<fhir4.Parameters>(`${path}/$device-refusals`)).all("refusal"),
  });
  const code = useMutation({ mutationFn: async () => answered(await client.post<fhir4.Parameters>(`${path}/$claim-code`, parameters({}))).text("code") });
  const now = health.data ?? device;
  return (
    <Flex vertical gap={12}>
      <ProblemBox error={health.error ?? refusals.error} />
      <Flex gap={8} align="center" wrap><StateMark state={now.state} /><Typography.Text>{now.text}</Typography.Text></Flex>
      <Descriptions
        size="small" column={1}
        items={[
          { key: "heard", label: t("heard"), children: minuteOf(now.heard) || t("nothing-yet") },
          { key: "reading", label: t("reading"), children: minuteOf(now.reading) || t("nothing-yet") },
          { key: "battery", label: t("battery"), children: now.battery === null ? t("unknown") : `${now.battery}%` },
          { key: "firmware", label: t("firmware"), children: now.firmware || t("unknown") },
          { key: "questions", label: t("questions"), children: now.questions },
        ]}
      />
      <Card size="small" title={<h3 style={{ fontSize: 14, margin: 0 }}>{t("refusals")}</h3>}>
        {refusals.data?.length ? (
          <Flex vertical gap={4}>
            {refusals.data.slice(0, 20).map((one) => (
              <Typography.Text key={one.text("reason") + one.text("last")}>{t("refusal", { at: minuteOf(one.text("last")), count: one.number("count") ?? 1 })}{one.text("text")}</Typography.Text>
            ))}
          </Flex>
        ) : <Typography.Text type="secondary">{t("no-refusals")}</Typography.Text>}
      </Card>
      <Card size="small" title={<h3 style={{ fontSize: 14, margin: 0 }}>{t("claim")}</h3>}>
        <Flex vertical gap={8}>
          <Typography.Text type="secondary">{t("claim-say")}</Typography.Text>
          <ProblemBox error={code.error} />
          {code.data ? <Alert type="success" title={<Typography.Text copyable style={{ fontSize: 20, letterSpacing: 2 }}>{code.data}</Typography.Text>} /> : null}
          <Flex><Button loading={code.isPending} onClick={() => code.mutate()}>{t("new-code")}</Button></Flex>
        </Flex>
      </Card>
      <Acts path={path} state={now.state} onDone={() => { void health.refetch(); onDone(); }} />
    </Flex>
  );
}

type Act = "stop" | "resume" | "revoke" | "return";
interface Said { act: Act; reason: string; why: string }

const ACTS: Partial<Record<Device["state"], Act[]>> = { revoked: [], stopped: ["resume", "revoke"], unused: ["stop", "revoke"] };

const asked = (t: Words, acts: Act[], act?: Act) => questionnaire(t("acts"), [
  choice("act", t("what"), acts.map((one) => [one, t(`act.${one}`)]), { required: true, help: act && t(`act-say.${act}`) }),
  choice("why", t("why"), ENDS.map((one) => [one, t(`ends.${one}`)]), { required: true, first: "returned", ...when("act", "return") }),
  question("reason", "text", t("reason"), { required: true, maxLength: 500, ...when("act", "return", "!=") }),
]);

function Acts({ path, state, onDone }: { path: string; state: Device["state"]; onDone: () => void }) {
  const { t } = useTranslation("translation", { keyPrefix: "devices" });
  const client = useClient();
  const { message } = App.useApp();
  const [act, setAct] = useState<Act>();
  const [round, setRound] = useState(0);
  const acts = ACTS[state] ?? ["return", "stop", "revoke"];
  const sending = useMutation({
    mutationFn: (response: fhir4.QuestionnaireResponse) => {
      const { act: chosen, reason, why } = saidIn<Said>(response);
      if (chosen === "return") return client.post(`${path}/$return`, parameters({ why: { valueCode: why } }));
      if (chosen === "resume") return client.post(`${path}/$resume`, parameters({ reason }));
      return client.post(`${path}/$revoke`, parameters({ reason, "for-good": chosen === "revoke" }));
    },
    onSuccess: (_, response) => {
      void message.success(t(`acted.${saidIn<Said>(response).act}`));
      setAct(undefined);
      setRound(round + 1);
      onDone();
    },
  });
  const changed = (response: fhir4.QuestionnaireResponse) => {
    const to = saidIn<Said>(response).act;
    if (to !== act) sending.reset();
    setAct(to);
  };
  if (acts.length === 0) return <Alert type="info" showIcon title={t("revoked-say")} />;
  return (
    <Card size="small" title={<h3 style={{ fontSize: 14, margin: 0 }}>{t("acts")}</h3>}>
      <QuestionnaireForm key={round} questionnaire={asked(t, acts, act)} sending={sending} onChange={changed} done={t("do")} danger={act === "revoke"} />
    </Card>
  );
}
