/**
 * The create form's part on cloud-init: what was typed, what is asked for, and the one page that tells a generated
 * password.
 */
import { type Output, userDataMax } from "@nano/contract";
import { type Form, listOf } from "../http/forms.ts";
import type { Visit } from "../http/visit.ts";
import { to } from "../paths.ts";
import {
  Check,
  fieldsOf,
  hasProblem,
  type Option,
  type Problems,
  SelectField,
  TextArea,
  TextField,
} from "../view/fields.tsx";
import { Folded } from "../view/form.tsx";
import { page } from "../view/layout.tsx";
import { Copy, LinkButton, Notice, PageHead, Panel } from "../view/parts.tsx";

/** As text, but for the boxes that are ticked. */
export interface CloudInitForm {
  readonly on: boolean;
  readonly hostname: string;
  readonly user: string;
  readonly password: string;
  readonly passwordLogin: boolean;
  readonly sshKeys: string;
  readonly rootLogin: boolean;
  readonly growSystemDisk: boolean;
  readonly dataPath: string;
  readonly network: string;
  readonly address: string;
  readonly gateway: string;
  readonly dns: string;
  readonly userData: string;
}

export const emptyCloudInitForm: CloudInitForm = {
  on: false,
  hostname: "",
  user: "root",
  password: "",
  passwordLogin: true,
  sshKeys: "",
  rootLogin: true,
  growSystemDisk: true,
  dataPath: "/opt/data",
  network: "dhcp",
  address: "",
  gateway: "",
  dns: "",
  userData: "",
};

/** A form that was sent without this part at all (a script's, an older page's) asks for none of it. */
export const readCloudInitForm = (form: Form): CloudInitForm => ({
  on: form.has("cloudInit"),
  hostname: form.text("hostname"),
  user: form.has("user") ? form.text("user") : emptyCloudInitForm.user,
  password: form.raw("guestPassword"),
  passwordLogin: form.has("passwordLogin"),
  sshKeys: form.text("sshKeys"),
  rootLogin: form.has("rootLogin"),
  growSystemDisk: form.has("growSystemDisk"),
  dataPath: form.text("dataPath"),
  network: form.text("network"),
  address: form.text("address"),
  gateway: form.text("gateway"),
  dns: form.text("dns"),
  userData: form.lines("userData"),
});

const unlessEmpty = (name: string, text: string): object => (text === "" ? {} : { [name]: text });

type NetworkForm = Pick<CloudInitForm, "network" | "address" | "gateway" | "dns">;

const serversOf = ({ dns }: NetworkForm): string[] => listOf(dns);

export const networkOf = (form: NetworkForm): object => {
  const { network, address, gateway } = form;
  const servers = serversOf(form);
  return {
    mode: network === "static" ? "static" : "dhcp",
    ...(network === "static" ? { ...unlessEmpty("address", address), ...unlessEmpty("gateway", gateway) } : {}),
    ...(servers.length > 0 ? { dns: servers } : {}),
  };
};

/** DHCP goes without saying. */
const networkInput = (form: NetworkForm): object =>
  form.network === "static" || serversOf(form).length > 0 ? { network: networkOf(form) } : {};

/** @param shown for the command beside the form: with a placeholder in the password's place */
export const cloudInitInput = (form: CloudInitForm, shown = false): Record<string, unknown> => {
  if (!form.on) return {};
  const keys = form.sshKeys.trim();
  const user = form.user === "" ? "root" : form.user;
  return {
    cloudInit: {
      ...unlessEmpty("hostname", form.hostname),
      user,
      ...(form.passwordLogin
        ? unlessEmpty("password", shown && form.password !== "" ? "your-password" : form.password)
        : { passwordLogin: false }),
      ...(keys === "" ? {} : { sshKeys: [keys] }),
      ...(form.rootLogin === (user === "root") ? {} : { rootLogin: form.rootLogin }),
      ...(form.growSystemDisk ? {} : { growSystemDisk: false }),
      ...(form.dataPath === emptyCloudInitForm.dataPath ? {} : unlessEmpty("dataPath", form.dataPath)),
      ...networkInput(form),
      ...unlessEmpty("userData", form.userData),
    },
  };
};

interface FieldsProps {
  readonly visit: Visit;
  readonly form: CloudInitForm;
  readonly problems: Problems;
}

const Login = ({ visit, form, problems }: FieldsProps) => {
  const { t } = visit;
  const field = fieldsOf(visit, problems, "/cloudInit");
  return (
    <>
      <TextField {...field("user")} label={t("Administrator")} value={form.user} maxlength={32} />
      <TextField
        {...field("guestPassword", "password")}
        type="password"
        label={t("Password")}
        hint={t("Left empty, one is generated and shown once.")}
        value=""
        maxlength={128}
        autocomplete="new-password"
      />
      <Check name="passwordLogin" label={t("Log in with a password")} checked={form.passwordLogin} />
      <Check name="rootLogin" label={t("Let root log in over SSH")} checked={form.rootLogin} />
      <TextArea
        {...field("sshKeys")}
        label={t("SSH keys")}
        hint={t("Public keys, one a line.")}
        value={form.sshKeys}
        rows={3}
      />
    </>
  );
};

export const NetworkFields = ({
  visit,
  form,
  problems,
  under = "/cloudInit/network",
  otherwise = [],
}: {
  visit: Visit;
  form: NetworkForm;
  problems: Problems;
  /** JSON Pointer of the network in the operation's input. */
  under?: string;
  /** What else there is to choose, before the others. */
  otherwise?: readonly Option[];
}) => {
  const { t } = visit;
  const field = fieldsOf(visit, problems, under);
  return (
    <>
      <SelectField
        {...field("network", "mode")}
        label={t("Address of its network card")}
        value={form.network}
        options={[...otherwise, { value: "dhcp", text: t("By DHCP") }, { value: "static", text: t("Fixed, as below") }]}
      />
      <TextField
        {...field("address")}
        label={t("Fixed address")}
        placeholder="192.0.2.10/24"
        value={form.address}
        maxlength={49}
      />
      <TextField
        {...field("gateway")}
        label={t("Gateway")}
        placeholder="192.0.2.1"
        value={form.gateway}
        maxlength={45}
      />
      <TextField
        {...field("dns")}
        label={t("Name servers")}
        hint={t("Up to four, separated by spaces.")}
        value={form.dns}
        maxlength={200}
      />
    </>
  );
};

/** Folded until it is wanted, or until something in it does not fit. */
export const CloudInitFields = ({ visit, form, problems }: FieldsProps) => {
  const { t } = visit;
  const field = fieldsOf(visit, problems, "/cloudInit");
  return (
    <Folded
      id="cloud-init"
      icon="user"
      title={t("Set up the guest (cloud-init)")}
      open={form.on || hasProblem(problems, "/cloudInit")}
    >
      <div class="form">
        <Check
          name="cloudInit"
          label={t("Tell the guest the following at its first boot")}
          hint={t(
            "Only an image with cloud-init follows this, like those of distributions' clouds and of `nanoctl image build`. Nano does not look inside an image; on another one, and on a blank disk, nothing of it happens.",
          )}
          checked={form.on}
        />
        <Login visit={visit} form={form} problems={problems} />
        <TextField
          {...field("hostname")}
          label={t("Host name")}
          hint={t("Its own name by default.")}
          value={form.hostname}
          maxlength={253}
        />
        <Check
          name="growSystemDisk"
          label={t("Let the root file system grow to the disk's size")}
          checked={form.growSystemDisk}
        />
        <TextField
          {...field("dataPath")}
          label={t("Where data disks are mounted")}
          hint={t("The first here, the second at the same with -2 behind it, and so on. Blank disks are formatted.")}
          value={form.dataPath}
          maxlength={256}
        />
        <NetworkFields visit={visit} form={form} problems={problems} />
        <TextArea
          {...field("userData")}
          label={t("User data of your own")}
          hint={t("A #cloud-config, or a script that begins with #!. What it says counts before the above.")}
          value={form.userData}
          rows={4}
          maxlength={userDataMax}
        />
      </div>
    </Folded>
  );
};

/**
 * The one page that is not redirected to: the password must not travel in an address or a cookie, and reload must not
 * show it again.
 */
export const generatedPasswordPage = (
  visit: Visit,
  made: Extract<Output<"instance.create">, { kind: "task" }>,
  user: string,
  password: string,
): Promise<Response> => {
  const { t } = visit;
  const { id, name } = made.resource;
  return page(
    visit,
    {
      title: t("{name} is being created", { name }),
      section: "instances",
      crumbs: [{ text: t("Instances"), path: to.instances }, { text: name }],
      status: 201,
    },
    <>
      <PageHead title={t("{name} is being created", { name })} />
      <PasswordNotice visit={visit} user={user} password={password} />
      <Panel>
        <LinkButton href={to.instance(id)} look={{ label: t("To the instance"), kind: "primary" }} />
      </Panel>
    </>,
  );
};

export const PasswordNotice = ({ visit, user, password }: { visit: Visit; user: string; password: string }) => (
  <Notice tone="good">
    <p>
      <b safe>{visit.t("The password of {user} is shown once. Copy it now.", { user })}</b>
    </p>
    <p class="secret">
      <code safe>{password}</code>
      <Copy visit={visit} text={password} />
    </p>
  </Notice>
);
