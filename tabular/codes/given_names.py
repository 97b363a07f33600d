"""Given names of persons, by which columns of names are known and made-up persons called."""

from __future__ import annotations

__all__ = ["GIVEN_NAMES"]

#: Given names that are common in many countries; enough of them in a column say that it names persons.
GIVEN_NAMES = frozenset(
    """aaron abdul abdullah abigail abraham adam adrian adriana agnes agnieszka ahmad ahmed aisha akira alan albert
    alberto alejandra alejandro aleksandra alessandro alessia alex alexander alexandra alexis alfred ali alice alicia
    alina alison allison amalia amanda amber amelia amina amir amit amy ana anastasia anders andre andrea andreas
    andres andrew andrzej angel angela angelina anil anita anja ann anna anne annette annie anthony antoine anton
    antonio anya arjun arthur arturo ashley astrid aurora ava axel aya barbara barry beatrice beatriz ben benjamin
    bernard bernd beth betty beverly bill bob bogdan boris brandon brenda brian bridget bruce bruno bryan caleb camila
    camille carl carla carlo carlos carmen carol carolina caroline catherine cecilia charles charlie charlotte
    chen chiara chloe chris christian christina christine christoph christopher claire clara claudia claudio clement
    cristina cynthia daisuke dan dana daniel daniela danielle danny david deborah deepak denis denise dennis diana
    diane diego dieter dimitri dmitry dolores dominik donald donna dora doris dorothy douglas dylan edgar eduardo edward
    elaine elena eleanor eli elias elisa elisabeth elizabeth ella ellen emil emilia emilie emily emma emmanuel enrique
    eric erica erik erika ernesto esra esther ethan eugene eva evelyn fabian fatima felipe felix fernanda fernando
    finn fiona florence florian frances francesca francesco francis francisco frank franz fred frederic frederik
    friedrich gabriel gabriela gary george georg gerald gerard gerhard giorgio giovanni giulia giuseppe gloria grace
    greg gregory greta guillaume gustav hannah hans haruto harold harry hassan heather hector heidi heinz helen helena
    helga henri henry hiroshi holly hong hugo ian ibrahim igor ines ingrid irene irina iris isabel isabella isla ivan
    jack jackson jacob jacqueline jacques jake james jamie jan jana jane janet janine jasmine jason javier jean
    jeanne jeff jeffrey jennifer jens jeremy jerry jesse jessica jesus jian jill jim joan joanna joao joe joel johan
    johann johanna john johnny jon jonas jonathan jordi jorge jose josef joseph joshua juan judith judy julia julian
    julie julien jun jurgen justin kaito karen karin karl karolina katarzyna kate katharina katherine kathleen kathryn
    katja kayla keith kelly ken kenji kenneth kevin khalid kim klaus krzysztof kumar kurt kyle lars laura lauren laurent
    layla lea leah lena leo leon leonardo li liam lili lily lin linda lisa logan lorenzo lou louis louise luc luca lucas
    lucia lucy luigi luis luisa lukas luke luna lydia magdalena malgorzata manfred manuel marc marcel marco marcos
    marek margaret margarita maria mariam mariana marie marina mario marion mark marko markus marta martha martin
    martina mary maryam mateo mathias mathieu matilda matteo matthew matthias maurice max maximilian maya megan mehmet
    mei melanie melissa mia micah michael michal michel michele michelle miguel mike mila miriam mohamed mohammad
    mohammed monica monika muhammad nadia nancy naomi natalia natalie nathan neha nia nicholas nick nicola nicolas
    nicole niels nikita nikolai nils nina noah noel nora olga oliver olivia omar oscar otto pablo pamela paola paolo
    patricia patrick paul paula pauline pavel pedro peggy peter petra phil philip philipp philippe pierre piotr priya
    rachel rafael rahul raj rajesh ralf ralph ramon raquel raul raymond rebecca regina renate rene ricardo richard rita
    robert roberta roberto robin rodrigo roger roland roman ronald rosa rose ross roxana ruben russell ruth ryan sabine
    sakura sally salvatore sam samantha samir samuel sandra sara sarah scott sean sebastian sergei sergio seth sharon
    shirley silvia simon simone sofia sofie sonia sophia sophie stefan stefanie stella stephan stephanie stephen steve
    steven sue sunil susan susanne suzanne sven svetlana sylvia takashi tamara tanja tara tatiana ted teresa terry
    theo theodore theresa thomas tiffany tim timothy tina tobias todd tom tomas tomasz tony tyler ulrich ursula uwe
    valentina valeria vanessa vera veronica victor victoria vijay viktor vincent virginia vladimir walter wanda wei
    wendy werner wilhelm will william willie wolfgang xavier yan yasmin yuki yusuf yves yvonne zachary zoe zofia eve ray
    bella carter chad chase cole dawn dean don eden eileen erin evan gail gina glenn hope ida ike jay jo joy judd june
    kai lee leila lyn lynn mara mel meg molly nell nate nigel noor owen pat penny pia quinn rex rick ron rosie roy sasha
    sid stan tess trudy ute val viv walt zara zed""".split()  # noqa: SIM905
)
