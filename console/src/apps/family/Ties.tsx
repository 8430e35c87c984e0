// What stands between two of a family: rights that the resident switches, and the one tap that ends it.
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useNavigate } from "react-router";
import type { Parts } from "~/fhir/parameters";
import { useMe } from "~/portal/session";
import { aside } from "~/ui/joining";
import { dayOf } from "~/ui/time";
import { Fault } from "~/ui/plain/Fault";
import { Mark } from "~/ui/plain/parts";
import { Switch } from "~/ui/plain/Switch";
import { RIGHTS, about, switched } from "./rights";

interface Tied {
  tie: Parts;
  done: () => Promise<void>;
}

/** Somebody who may do something for me. */
export function Mine({ tie, done }: Tied) {
  const { t } = useTranslation("translation", { keyPrefix: "family" });
  const { own } = useMe();
  const rights = tie.values<string>("right");
  const name = tie.text("name");
  const change = useMutation({
    mutationFn: (right: string) => {
      const wanted = switched(rights, right);
      return wanted.length
        ? own.post("$family-change", about({ tie: tie.text("tie") }, wanted))
        : own.post("$family-end", about({ tie: tie.text("tie") }));
    },
    onSuccess: done,
  });
  return (
    <section className="card">
      <Head tie={tie} />
      {RIGHTS.map((right) => (
        <Switch
          key={right} label={t(`can.${right}`, { name })} on={rights.includes(right)} busy={change.isPending}
          onSwitch={() => change.mutate(right)}
        />
      ))}
      <Fault error={change.error} />
      <End tie={tie} done={done} />
    </section>
  );
}

/** Somebody for whom I may do something. */
export function Theirs({ tie, done }: Tied) {
  const { t } = useTranslation("translation", { keyPrefix: "family" });
  const { people, choose } = useMe();
  const navigate = useNavigate();
  const rights = tie.values<string>("right");
  const patients = tie.values<fhir4.Reference>("patient").map((one) => one.reference);
  const person = people.find((one) => patients.includes(`Patient/${one.id}`));
  return (
    <section className="card">
      <Head tie={tie} theirs />
      <ul>
        {RIGHTS.filter((right) => rights.includes(right)).map((right) => (
          <li key={right}><Mark kind="good">{t(`may.${right}`)}</Mark></li>
        ))}
      </ul>
      {person ? (
        <button
          type="button" className="button first"
          onClick={() => {
            choose(person);
            void navigate("/");
          }}
        >
          {t("look", { name: person.name })}
        </button>
      ) : null}
      <End tie={tie} done={done} />
    </section>
  );
}

function Head({ tie, theirs = false }: { tie: Parts; theirs?: boolean }) {
  const { t } = useTranslation("translation", { keyPrefix: "family" });
  const until = tie.text("until");
  const relation = t(`${theirs ? "iAm" : "relation"}.${tie.text("relation")}`, { defaultValue: t("relation.FAMMEMB") });
  return (
    <>
      <h3>{tie.text("name")}<small>{aside(theirs ? t("me", { relation }) : relation)}</small></h3>
      <p className="hint">
        {t("since", { day: dayOf(tie.text("since")) })}
        {until ? t("until", { day: dayOf(until) }) : null}
      </p>
    </>
  );
}

function End({ tie, done }: Tied) {
  const { t } = useTranslation("translation", { keyPrefix: "family" });
  const { own } = useMe();
  const [ended, setEnded] = useState(false);
  const end = useMutation({
    mutationFn: () => own.post("$family-end", about({ tie: tie.text("tie") })),
    onSuccess: () => {
      setEnded(true);
      return done();
    },
  });
  return (
    <>
      <Fault error={end.error} />
      <button type="button" className="button" disabled={end.isPending || ended} onClick={() => end.mutate()}>
        {t("end", { name: tie.text("name") })}
      </button>
    </>
  );
}
