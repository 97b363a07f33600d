"""What the name of a column says about persons, in English and some other languages of Europe.

A name is never enough: the values must be of the form that :mod:`.finding` asks for, so that ``mobile`` of 0 and 1,
or ``card`` of ``visa`` and ``amex``, is nobody's number.
"""

from __future__ import annotations

import unicodedata

from ..columns.names import words_of

__all__ = ["is_of_things", "sort_by_name"]

#: Sort -> names of columns; several words must stand side by side, in this order.
_NAMES = {
    "e-mail": """email|e mail|mail|mails|emails|email address|mail address|correo|courriel|posta elettronica""",
    "phone": """phone|phones|telephone|tel|mobile|cellphone|cell phone|msisdn|whatsapp|fax|handy|handynummer|
        telefon|telefonnummer|mobilnummer|rufnummer|telefono|telefone|celular|movil|cellulare|portable|tlf|telefoon""",
    "IBAN": "iban|bank account|account number|account no|acct no|kontonummer|konto|rib|numero de compte",
    "payment card": """card|card number|card no|cardnumber|credit card|creditcard|cc|cc number|cc num|pan|debit card|
        kreditkarte|kartennummer|kreditkartennummer|carte bancaire|numero carte|tarjeta|carta di credito|cartao""",
    "national id": """ssn|social security|social security number|socialsecuritynumber|sin|nino|national id|nationalid|
        national identifier|national insurance|national insurance number|nhs number|passport|passport number|
        passport no|reisepass|passnummer|passeport|pasaporte|tax id|tin|steuer id|steuernummer|
        steueridentifikationsnummer|personalausweis|
        ausweisnummer|sozialversicherungsnummer|svnr|ahv|cpf|dni|nif|nie|curp|codice fiscale|
        codicefiscale|cf|bsn|pesel|aadhaar|aadhar|insee|nir|numero de securite sociale|personnummer|fodselsnummer|
        cnp|tckn|rut|id card|identity card|id number|drivers license|driver license|driving licence|driver licence|
        license number|licence number|fuehrerschein|medicare|medicare number""",
    "IP address": """ip|ips|ip address|ipaddress|ipaddr|ip addr|ipv4|ipv6|client ip|clientip|remote addr|
        remote address|src ip|dst ip|source ip|host ip|adresse ip|direccion ip|indirizzo ip""",
    "MAC address": "mac|mac address|macaddress|mac addr|bssid|wifi mac|ethernet address|hardware address|adresse mac",
    "device or user id": """device id|deviceid|user id|userid|uid|user|userkey|user key|visitor id|visitorid|visitor|
        client id|clientid|customer id|customerid|cust id|customer number|customer no|customer|cookie|cookies|
        cookie id|cookieid|idfa|idfv|gaid|aaid|advertising id|advertiser tracking id|imei|imsi|iccid|meid|android id|
        member id|memberid|member number|subscriber id|person id|personid|patient id|patientid|patient number|mrn|
        employee id|employeeid|student id|studentid|household id|anonymous id|fingerprint|browser fingerprint|
        ga cid|ga client id|fbp|user name|username|login|login name|nickname|screen name|user handle|twitter handle|
        kundennummer|kunden nr|kunden id|kundenr|benutzer|benutzer id|benutzername|nutzer id|geraete id|
        id client|numero client|identifiant|utilisateur|id utilisateur|id usuario|usuario|id cliente|utente|
        personalnummer|matrikelnummer""",
    "person name": """first name|firstname|fname|given name|givenname|forename|last name|lastname|lname|surname|
        family name|familyname|middle name|maiden name|full name|fullname|person name|customer name|client name|
        patient name|employee name|passenger name|contact name|cardholder|cardholder name|card holder|account holder|
        display name|real name|legal name|student name|guest name|recipient name|buyer name|member name|
        vorname|nachname|familienname|zuname|vor und nachname|geburtsname|kundenname|name des kunden|
        prenom|prenoms|nom de famille|nom complet|nom client|nombres|apellido|apellidos|primer apellido|
        nombre completo|nombre de pila|cognome|nome completo|sobrenome|imie|nazwisko|voornaam|achternaam|
        fornavn|etternavn|efternavn|fornamn|efternamn|etunimi|sukunimi""",
    # These name a person or anything else: the values must look like names of persons.
    "name": """name|names|nom|nombre|nome|naam|navn|namn|nimi|nev|person|passenger|patient|employee|client|contact|
        cliente|kunde|author|owner|player|student|teacher|driver|recipient|sender|buyer|seller|holder|guest""",
    "street address": """address|addresses|street|street address|streetaddress|street name|home address|address line|
        address line 1|address line 2|address1|address2|addr|postal address|mailing address|shipping address|
        billing address|delivery address|residence|strasse|str|anschrift|adresse|wohnadresse|lieferadresse|rue|voie|
        adresse postale|calle|direccion|domicilio|via|indirizzo|endereco|rua|morada|adres|ulica|straat|gate|gata""",
}

#: A column whose name has such a word speaks of things, whatever else it says.
_THINGS = set(
    """product products item items sku brand article artikel produkt produit producto company firm firma business
    organisation organization org vendor supplier manufacturer merchant store shop city town village state country
    region county province district continent place location airport station hotel restaurant school university
    course subject event campaign ad ads adset creative banner publisher advertiser site domain page url website app
    application game movie film book song album artist title genre category type kind class group department team
    club file filename folder path table column field variable feature server model make vehicle ship species breed
    plant animal drug disease gene chemical metric parameter version ver build release commit git sha checksum digest
    md5 os browser software package library order invoice transaction batch lot test experiment variant segment
    channel source medium keyword query language currency stock fund ticker symbol color colour material recipe
    ingredient dish stadium league tournament port part parts serial case ticket cell tower""".split()  # noqa: SIM905
)
#: ... unless what follows is of a person all the same: ``store_email``, ``site_user_id``.
_CERTAIN = {"e-mail", "phone", "IBAN", "payment card", "IP address", "MAC address", "device or user id"}


def _plain(text: str) -> str:
    """Small letters without accents, ``ß`` as ``ss``."""
    text = unicodedata.normalize("NFKD", text.casefold())
    return "".join(char for char in text if not unicodedata.combining(char))


_SORTS = {tuple(name.split()): sort for sort, names in _NAMES.items() for name in names.split("|") if name.split()}
_LONGEST = max(map(len, _SORTS))


def sort_by_name(name: str) -> str | None:
    """What of a person the column ``name`` would hold, ``"name"`` where that may be the name of anything."""
    words = [_plain(word) for word in words_of(name)]
    things = is_of_things(name)
    # The longest run of words that is known, the last of equal ones: "email address" and "ip address" are no streets.
    for length in range(min(_LONGEST, len(words)), 0, -1):
        for start in range(len(words) - length, -1, -1):
            sort = _SORTS.get(tuple(words[start : start + length]))
            if sort is None or (things and sort not in _CERTAIN):
                continue
            if length == 1 and len(words) > 1 and not _says_it(words, start, sort):
                continue
            return sort
    return None


def _says_it(words: list[str], position: int, sort: str) -> bool:
    """Whether one word of several is what the column is about: ``home_phone``, ``phone_1``, but no ``user_agent``."""
    rest = words[position + 1 :]
    if all(word.isdigit() or word in _TAILS for word in rest):
        return sort != "device or user id" or words[position] not in {"user", "customer", "visitor"} or not rest
    return False


_TAILS = {
    "number",
    "no",
    "nr",
    "num",
    "id",
    "address",
    "addr",
    "hash",
    "hashed",
    "sha256",
    "md5",
    "primary",
    "text",
    "str",
    "raw",
    "home",
    "work",
    "private",
    "mobile",
    "full",
    "line",
    "value",
    "nummer",
    "numero",
}


def is_of_things(name: str) -> bool:
    """Whether the name of a column speaks of things: ``product_name``, ``commit_sha``."""
    return any(_plain(word) in _THINGS for word in words_of(name))
